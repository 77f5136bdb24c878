import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EVIDENCE_FAULTS, parseTopology, startLab } from '../../../lab/index.js';
import type { Lab } from '../../../lab/index.js';

const TOPOLOGY = `
trustAuthorities: [{ name: ta-1 }]
vcenters:
  - name: vc-1
    clusters: [{ name: trusted, trustAuthority: ta-1, hosts: [{ name: esx-1 }] }]
    hosts: [{ name: esx-plain, tpm: false }, { name: esx-alone, tpm: true }]
`;

let lab: Lab;

beforeAll(async () => {
  lab = await startLab(parseTopology(TOPOLOGY), { adminPort: 0 });
});

afterAll(() => lab.stop());

async function ask(method: string, path: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${lab.admin!.url}${path}`, { method });
  const body: unknown = await answer.json();
  return { status: answer.status, body };
}

async function reasonOf(host: string): Promise<string | undefined> {
  const { appraisals } = await (await lab.host(host).client()).attest(true);
  return appraisals[0]?.reason;
}

const HOST = '/attestation/hosts/esx-1';
const FAULTS = `${HOST}/faults`;

describe('attestation failures of a lab', () => {
  it('can be listed', async () => {
    const scenarios = await ask('GET', '/attestation/scenarios');
    expect(scenarios.body).toContainEqual(
      expect.objectContaining({ name: 'token-alg-none', reason: 'token_alg', place: 'token' }),
    );
    const faults = (await ask('GET', '/attestation/faults')).body as { name: string }[];
    expect(faults.map(({ name }) => name)).toEqual(EVIDENCE_FAULTS.map(({ name }) => name));
    expect(faults).toContainEqual(expect.objectContaining({ name: 'ak-weak', bites: 'boot' }));
    const injected = (scenarios.body as { name: string; injected?: string }[]).filter((row) => row.injected);
    expect(injected.map(({ name }) => name).sort()).toEqual(faults.map(({ name }) => name).sort());
  });

  it('are injected into a host by name over the admin API, seen there, and cleared', async () => {
    expect(await reasonOf('esx-1')).toBeUndefined();
    const injected = await ask('PUT', `${FAULTS}/signature-bit-flip`);
    expect(injected.body).toEqual({
      faults: ['signature-bit-flip'],
      runningBoot: [],
      bites: 'attestation',
    });
    expect(await reasonOf('esx-1')).toBe('bad_signature');
    await ask('PUT', `${FAULTS}/log-truncated`);
    expect((await ask('GET', '/attestation/hosts')).body).toEqual([
      { host: 'esx-1', faults: ['signature-bit-flip', 'log-truncated'], runningBoot: [] },
      { host: 'esx-plain', faults: [], runningBoot: [] },
      { host: 'esx-alone', faults: [], runningBoot: [] },
    ]);
    expect((await ask('DELETE', `${FAULTS}/signature-bit-flip`)).body).toEqual({
      faults: ['log-truncated'],
      runningBoot: [],
      bites: 'attestation',
    });
    expect(await reasonOf('esx-1')).toBe('log_malformed');
    await ask('DELETE', FAULTS);
    expect((await ask('GET', FAULTS)).body).toEqual({ faults: [], runningBoot: [] });
    expect(await reasonOf('esx-1')).toBeUndefined();
  });

  it('are looked at without a trace in the journal, which tells services apart', async () => {
    const journal = async (query: string): Promise<{ service: string; operation: string }[]> =>
      (await ask('GET', `/journal?${query}`)).body as { service: string; operation: string }[];
    const before = await journal('service=esx-1');
    await ask('GET', '/attestation/hosts');
    await ask('GET', FAULTS);
    expect(await journal('service=esx-1')).toEqual(before);
    expect(new Set(before.map(({ service }) => service))).toEqual(new Set(['esx-1']));
    const changes = await journal('service=esx-1&operation=SetEvidenceFaults&client=admin');
    expect(new Set(changes.map(({ operation }) => operation))).toEqual(new Set(['SetEvidenceFaults']));
  });

  it('are explained by the host, step by step', async () => {
    await ask('PUT', `${FAULTS}/log-event-dropped`);
    const { status, body } = await ask('POST', '/attestation/hosts/esx-1/explain');
    expect(status).toBe(200);
    expect(body).toMatchObject({ attested: false, reason: 'log_replay_mismatch' });
    await ask('DELETE', FAULTS);
  });

  it('bite at the next boot where they have to, and are gone with the one after', async () => {
    const fault = 'quote-forged';
    const set = await ask('PUT', `${FAULTS}/${fault}`);
    expect(set.body).toEqual({ faults: [fault], runningBoot: [], bites: 'boot' });
    expect((await ask('POST', `${HOST}?action=reboot`)).body).toMatchObject({ status: 'unknown' });
    expect((await ask('GET', FAULTS)).body).toEqual({ faults: [fault], runningBoot: [fault] });
    expect((await ask('POST', `${HOST}?action=attest`)).body).toMatchObject({
      host: 'esx-1',
      status: 'notAttested',
      reason: 'ak_not_restricted_signing',
    });
    const cleared = { faults: [], runningBoot: [fault], bites: 'boot' };
    expect((await ask('DELETE', `${FAULTS}/${fault}`)).body).toEqual(cleared);
    expect((await ask('DELETE', FAULTS)).body).toEqual(cleared);
    expect((await ask('POST', `${HOST}?action=attest`)).body).toMatchObject({ status: 'notAttested' });
    await ask('POST', `${HOST}?action=reboot`);
    expect((await ask('GET', FAULTS)).body).toEqual({ faults: [], runningBoot: [] });
    const { body } = await ask('POST', `${HOST}?action=attest`);
    expect(body).toMatchObject({ status: 'attested' });
    expect(body).not.toHaveProperty('reason');
  });

  it('come with a warning at a host that attests to nobody', async () => {
    const { status, body } = await ask('PUT', '/attestation/hosts/esx-alone/faults/ak-weak');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      faults: ['ak-weak'],
      warning: expect.stringMatching(/esx-alone has no attestation service/) as string,
    });
    await ask('DELETE', '/attestation/hosts/esx-alone/faults');
  });

  it('say to programs too when they bite', async () => {
    const host = lab.host('esx-1');
    expect(await host.injectEvidenceFault('signature-bit-flip')).toBe('attestation');
    expect(await host.injectEvidenceFault('ak-weak')).toBe('boot');
    await host.reboot();
    expect((await host.attest()).info.status).toBe('notAttested');
    expect(await host.clearEvidenceFaults()).toBe('boot');
    await host.reboot();
    expect((await host.attest()).info.status).toBe('attested');
  });

  it('that strike once strike once more when they are injected again', async () => {
    const host = lab.host('esx-1');
    for (let time = 0; time < 2; time += 1) {
      await host.injectEvidenceFault('pcr-value-swapped');
      expect([await reasonOf('esx-1'), await reasonOf('esx-1')]).toEqual(['pcr_digest_mismatch', undefined]);
    }
    await host.clearEvidenceFaults();
    expect(await host.evidenceFaults()).toEqual([]);
  });

  it.each([
    [{ service: 'nope', action: { kind: 'reset' } }, /is no service here. Allowed: .*esx-1/],
    [{ service: 'esx-1', action: { kind: 'down' } }, /no service here does. Allowed: delay/],
    [
      { service: 'ta-1', operation: 'Get', action: { kind: 'reset' } },
      /Allowed: .*attestation.report.attest/,
    ],
  ])('are not to be confused with faults of requests, which name what there is: %j', async (spec, text) => {
    const headers = { 'content-type': 'application/json' };
    const url = `${lab.admin!.url}/faults`;
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(spec) });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(text)]);
  });

  it.each([
    [
      'PUT',
      '/attestation/hosts/esx-1/faults/ak-waek',
      /, did you mean ak-weak\? GET \/attestation\/faults lists them/,
    ],
    ['PUT', `${FAULTS}/token-header-jwk`, /scenario: kpsim attest run token-header-jwk plays it/],
    ['DELETE', `${FAULTS}/no-such-fault`, /GET \/attestation\/faults lists them/],
    ['PUT', '/attestation/hosts/nobody/faults/ak-weak', /GET \/attestation\/hosts lists them/],
    ['GET', '/attestation/hosts/nobody/faults', /GET \/attestation\/hosts lists them/],
  ])('%s %s says what there is instead', async (method, path, text) => {
    const { status, body } = await ask(method, path);
    expect(status).toBe(404);
    expect(JSON.stringify(body)).toMatch(text);
  });
});
