import { afterAll, expect, it } from 'vitest';

import { ScenarioStage } from '../../lab/attest/index.js';
import { SCENARIO_NAMES, scenarioRow } from '../../wire/attestation/index.js';
import { VERDICTS } from '../lab/attest/verdicts.js';
import { describeWith } from './requires.js';
import { SWTPM } from './swtpm.js';

const stage = new ScenarioStage({ tpm: 'swtpm' });

afterAll(() => stage[Symbol.asyncDispose]());

/** The rows of the catalogue that touch TPM, quote or log, with a TPM that other people wrote. */
describeWith(SWTPM, 'with swtpm, the scenario', () => {
  const names = SCENARIO_NAMES.filter((name) => scenarioRow(name).tpm);

  it.each(names)('%s ends as the catalogue says', async (name) => {
    const { outcome, reason, step, severity, recovered, asExpected, message } = await stage.play(name);
    const seen = outcome === 'refused' ? [reason, step, severity, recovered] : outcome;
    expect(seen, message).toEqual(VERDICTS[name]);
    expect(asExpected).toBe(true);
  });
});
