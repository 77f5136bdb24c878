import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { explanationLines } from '../../cli/attest/explanation-text.js';
import { plainJson } from '../../cli/terminal-text.js';
import type { AttestationExplanation } from '../../lab/host-client.js';
import { scratchDir } from '../host-agent/hosts.js';
import { TrustSite } from '../host-agent/trust/trust-site.js';
import { kpsim } from './harness.js';

let trust: TrustSite;

beforeAll(async () => {
  trust = await TrustSite.start();
});

afterAll(() => trust[Symbol.asyncDispose]());

/** The variables that `kpsim up` exports, for one host `esx-1`. */
async function environmentOf(url: string): Promise<Record<string, string>> {
  const directory = await scratchDir();
  const { certificatePem, privateKeyPem } = trust.site.administrator;
  const files = { CA_CERT: trust.site.ca.caPem, CLIENT_CERT: certificatePem, CLIENT_KEY: privateKeyPem };
  const variables = Object.entries(files).map(async ([name, pem]) => {
    const path = join(directory, name);
    await writeFile(path, pem);
    return [`KPSIM_${name}`, path] as const;
  });
  return { KPSIM_HOST_URL_ESX_1: url, ...Object.fromEntries(await Promise.all(variables)) };
}

/** Runs the command on a host with these faults, and once more for JSON. */
async function explained(
  faults: readonly string[],
  patch?: { readonly build: string },
): Promise<{ stdout: string; exitCode: number; json: AttestationExplanation }> {
  const { url, client } = await trust.host({ attestationFaults: [...faults] });
  if (patch) {
    await client.patch(patch);
    await client.reboot();
  }
  const environment = await environmentOf(url);
  const text = await kpsim(['attest', 'explain', 'esx-1'], environment).done;
  const json = await kpsim(['attest', 'explain', 'esx-1', '--json'], environment).done;
  expect([text.stderr, json.stderr]).toEqual(['', '']);
  expect(json.exitCode).toBe(text.exitCode);
  return { ...text, json: JSON.parse(json.stdout) as AttestationExplanation };
}

describe('kpsim attest explain', () => {
  it('shows a host that is attested, and ends with 0', async () => {
    const { stdout, exitCode, json } = await explained([]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}ok {4}base_image /m);
    expect(stdout).toMatch(/^ {2}ok {4}SHA256 {2}0 {2}[0-9a-f]{64}$/m);
    expect(stdout).not.toMatch(/FAIL|DIFF|Events that are not/);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      `esx-1 is attested by ${trust.ta.attestationUrl} (group group-1).`,
    );
    expect(json).toMatchObject({ host: 'esx-1', attested: true });
    expect(json.events.length).toBeGreaterThan(100);
  });

  it('shows the PCR that the log does not replay to, quoted against replayed, and the event that is missing', async () => {
    const { stdout, exitCode, json } = await explained(['log-event-dropped']);
    expect(exitCode).toBe(1);
    const different = json.pcrs.filter(({ quoted, replayed }) => quoted !== replayed);
    expect(different).toHaveLength(1);
    const [{ pcr, quoted, replayed }] = different as [(typeof different)[number]];
    expect(stdout).toContain(
      `  DIFF  SHA256 ${String(pcr).padStart(2)}\n      quoted    ${quoted}\n      replayed  ${replayed}\n`,
    );
    expect(json.events.some(({ verdict }) => verdict === 'missing')).toBe(true);
    expect(stdout).toMatch(/^ {2}- {5}PCR +\d+ {2}missing {5}EV_EVENT_TAG/m);
    expect(stdout).toMatch(/^ {2}FAIL {2}log_replay /m);
    expect(stdout).toMatch(/^Reason: log_replay_mismatch\. .+\nRemedy: .+\n$/m);
  });

  it('shows each file of an image that is not trusted', async () => {
    const { stdout, exitCode, json } = await explained([], { build: '24280767' });
    expect(exitCode).toBe(1);
    expect(json).toMatchObject({ attested: false, reason: 'base_image_not_trusted' });
    expect(json.events.filter(({ verdict }) => verdict === 'differs').length).toBeGreaterThan(100);
    expect(stdout).toMatch(
      /^ {2}#\d+ +PCR 12 {2}differs {5}EV_\w+ {2}.*k\.b00.*\n {6}expected {2}[0-9a-f]{64}\n {6}actual {4}[0-9a-f]{64}$/m,
    );
    expect(stdout).toMatch(/^Reason: base_image_not_trusted\. /m);
    expect(stdout).toMatch(/^Remedy: .*import-from-imgdb/m);
  });

  it('shows that Secure Boot is off', async () => {
    const { stdout, exitCode, json } = await explained(['secure-boot-disabled']);
    expect(exitCode).toBe(1);
    expect(json.reason).toBe('secure_boot_disabled');
    expect(json.events.find(({ subject }) => subject === 'SecureBoot')).toMatchObject({
      pcr: 7,
      expected: '01',
      verdict: 'differs',
    });
    expect(stdout).toMatch(
      /PCR {2}7 {2}differs {5}EV_EFI_VARIABLE_DRIVER_CONFIG {2}SecureBoot\n {6}expected {2}01$/m,
    );
    expect(stdout).toMatch(/^Reason: secure_boot_disabled\. /m);
  });

  it('shows every event with --events, and takes a URL for the host', async () => {
    const { url } = await trust.host();
    const environment = await environmentOf(url);
    const { stdout } = await kpsim(['attest', 'explain', url, '--events'], environment).done;
    const [, total = ''] = /^Events: (\d+), of which 0 are not as expected$/m.exec(stdout) ?? [];
    expect(Number(total)).toBeGreaterThan(100);
    expect(stdout.match(/^ {2}#\d+ +PCR/gm)).toHaveLength(Number(total));
  });

  it('says what there is instead of a host that it does not know, and what it needs', async () => {
    const unknown = await kpsim(['attest', 'explain', 'nobody'], { KPSIM_HOST_URL_ESX_1: 'https://x' }).done;
    expect(unknown).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unknown.stderr).toContain('KPSIM_HOST_URL_NOBODY');
    expect(unknown.stderr).toContain('KPSIM_HOST_URL_ESX_1');
    const bare = await kpsim(['attest', 'explain', 'https://127.0.0.1:9']).done;
    expect(bare.stderr).toMatch(/--cert is missing\. .*kpsim certs/);
  });

  it('tells what a host refuses to explain, and why', async () => {
    const { url } = await trust.host({ tpm: 'none' });
    const { exitCode, stderr } = await kpsim(['attest', 'explain', 'esx-1'], await environmentOf(url)).done;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('no TPM 2.0');
  });
});

describe('what a host says of itself', () => {
  const hostile: AttestationExplanation = {
    attested: false,
    service: 'https://127.0.0.1:9',
    group: 'g',
    reason: 'made_up\u001b]0;owned\u0007',
    unanswered: [{ service: 'https://x', error: 'line\nReason: none' }],
    steps: [{ name: '\u009b2J', status: 'failed', actual: 'a\u202eb' }],
    pcrs: [],
    events: [
      { index: 1, pcr: 0, type: 'x\r', subject: '\u001b[2J', actual: '\u2028', verdict: 'unexpected' },
    ],
  };

  it('does not steer the terminal', () => {
    const lines = explanationLines('esx-1', hostile, false);
    expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(lines).toContain('Reason: made_up\\u001b]0;owned\\u0007');
    expect(lines[0]).toBe('https://x did not answer: line\\u000aReason: none');
  });

  it('does not steer it in JSON either, and is the same value', () => {
    const text = plainJson(hostile);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(text)).toEqual(hostile);
  });
});
