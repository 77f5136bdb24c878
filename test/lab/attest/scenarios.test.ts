import { afterAll, describe, expect, it } from 'vitest';

import { ScenarioStage } from '../../../lab/attest/index.js';
import { SCENARIO_NAMES } from '../../../wire/attestation/index.js';
import { VERDICTS } from './verdicts.js';

const stage = new ScenarioStage({ tpm: 'software' });

afterAll(() => stage[Symbol.asyncDispose]());

describe('the scenario', () => {
  it.each(SCENARIO_NAMES)('%s ends as the catalogue says', async (name) => {
    const { outcome, reason, step, severity, recovered, recoverable, asExpected, message } =
      await stage.play(name);
    const seen = outcome === 'refused' ? [reason, step, severity, recovered] : outcome;
    expect(seen, message).toEqual(VERDICTS[name]);
    expect({ asExpected, recoverable }).toEqual({ asExpected: true, recoverable: recovered });
  });
});

describe('the verdicts of this test', () => {
  it('are those of every scenario of the catalogue', () => {
    expect(Object.keys(VERDICTS).sort()).toEqual([...SCENARIO_NAMES].sort());
  });
});
