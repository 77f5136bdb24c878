import { describe, expect, it } from 'vitest';

import type { ListedScenario, ScenarioResult } from '../../lab/attest/index.js';
import { chosenScenarios } from '../../lab/attest/index.js';
import { SCENARIO_NAMES } from '../../wire/attestation/index.js';
import { kpsim } from './harness.js';

describe('kpsim attest faults', () => {
  it('lists every scenario with number, sentence and reason', async () => {
    const { exitCode, stdout } = await kpsim(['attest', 'faults']).done;
    expect(exitCode).toBe(0);
    for (const name of SCENARIO_NAMES) expect(stdout).toContain(`│ ${name} `);
    expect(stdout).toContain('nonce_reused');
    expect(stdout).toContain('(passes)');
  });

  it('prints JSON with what the reason says', async () => {
    const { stdout } = await kpsim(['attest', 'faults', '--json']).done;
    const rows = JSON.parse(stdout) as ListedScenario[];
    expect(rows.map(({ name }) => name)).toEqual(SCENARIO_NAMES);
    expect(rows.find(({ name }) => name === 'challenge-expired')).toMatchObject({
      catalogue: [21],
      place: 'host',
      reason: 'challenge_expired',
      step: 'challenge_fresh',
      severity: 'transient',
      recoverable: true,
    });
  });
});

describe('kpsim attest run', () => {
  it('prints a line for each scenario as it goes, and how they ended', async () => {
    const { exitCode, stdout } = await kpsim(['attest', 'run', 'signature-bit-flip', 'token-expired']).done;
    const [head, first, second, verdict] = stdout.split('\n');
    expect(head).toMatch(/^ +name +no\. +expected +seen +step +severity +recoverable$/);
    expect(first).toMatch(
      /^ok +signature-bit-flip +15 +bad_signature +bad_signature +signature +attack +no$/,
    );
    expect(second).toMatch(
      /^ok +token-expired +47 +token_expired +token_expired +token_claims +transient +yes$/,
    );
    expect(verdict).toMatch(/^All 2 scenarios ended as expected, in \d+\.\d s\.$/);
    expect(exitCode).toBe(0);
  });

  it('prints one JSON array and no table', async () => {
    const { exitCode, stdout, stderr } = await kpsim(['attest', 'run', '--json', 'startup-locality-3']).done;
    const [result] = JSON.parse(stdout) as ScenarioResult[];
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(result).toMatchObject({
      name: 'startup-locality-3',
      catalogue: [42],
      outcome: 'passes',
      asExpected: true,
    });
  });

  it('takes reason codes and catalogue numbers for all scenarios that have them, each once', () => {
    expect(chosenScenarios(['12', 'nonce_reused', 'key-server-down', 'quote-forged'])).toEqual([
      'ak-not-restricted',
      'quote-forged',
      'nonce-reused',
      'key-server-down',
    ]);
    expect(() => chosenScenarios(['nonce_resued'])).toThrow(/did you mean nonce_reused\?/);
    expect(() => chosenScenarios(['62'])).toThrow(/no attestation scenario "62"/);
  });

  it('refuses a name that there is not, with the one that was meant, and plays nothing', async () => {
    const { exitCode, stdout, stderr } = await kpsim(['attest', 'run', 'nonce-resued', 'nonce-mismatch'])
      .done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(
      /^kpsim: There is no attestation scenario "nonce-resued", did you mean nonce-reused\?/,
    );
  });

  it('refuses a TPM that there is not', async () => {
    const { exitCode, stderr } = await kpsim(['attest', 'run', '--tpm', 'paper']).done;
    expect(exitCode).toBe(2);
    expect(stderr).toContain('software, swtpm');
  });

  it('stops between two scenarios, as an interrupted command does', async () => {
    const command = kpsim(['attest', 'run', 'token-alg-none', 'token-expired']);
    command.stop();
    const { exitCode, stdout } = await command.done;
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/of 2 scenarios were run/);
    expect(stdout).not.toContain('token-expired');
  });
});
