import { generateKeyPairSync } from 'node:crypto';

import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { HttpClient, startHttpsServer } from '../../core/http/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { HostExchange } from '../../trust-authority/attestation/cluster/host-exchange.js';
import { HOSTS_A_MESSAGE } from '../../trust-authority/attestation/cluster/messages.js';
import { Peer } from '../../trust-authority/attestation/cluster/peer.js';
import { KnownHosts } from '../../trust-authority/attestation/known-hosts.js';
import { TrustAuthorityStore } from '../../trust-authority/store.js';
import { AttestationClient } from '../../trust-authority/client.js';
import type { ClusterMember } from '../../trust-authority/client.js';
import { encodeContext, networkAddressOf } from '../../wire/attestation/index.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority, trustingInitial } from './harness.js';
import { outcomeOf } from './test-host.js';

let pki: TrustPki;
const identities: KeyAndCertificate[] = [];
const running: TestTrustAuthority[] = [];

beforeAll(async () => {
  pki = await makeTrustPki();
  for (const name of ['ta-1', 'ta-2', 'ta-3']) {
    identities.push(await pki.authority.issueServer({ commonName: name, ipAddresses: ['127.0.0.1'] }));
  }
});

afterEach(async () => {
  for (const ta of running.splice(0)) await ta[Symbol.asyncDispose]();
});

type Config = Parameters<typeof startTrustAuthority>[1];

async function start(index: number, config: Config = {}, dataDir?: string): Promise<TestTrustAuthority> {
  const server = identities[index]!;
  const ta = await startTrustAuthority({ ...pki, server }, config, { ...(dataDir && { dataDir }) });
  running.push(ta);
  return ta;
}

const memberOf = (ta: TestTrustAuthority): ClusterMember => ({
  address: networkAddressOf(ta.attestationUrl),
  certificate: ta.pki.server.certificatePem,
});

async function join(authorities: readonly TestTrustAuthority[], replicate = true): Promise<void> {
  for (const ta of authorities) {
    const members = authorities.filter((other) => other !== ta).map(memberOf);
    await ta.attestation.cluster.set({ members, replicate });
  }
}

async function statusOf(ta: TestTrustAuthority) {
  const { health, details } = await ta.attestation.status();
  return {
    health,
    ids: details.map(({ id }) => id.split('.').at(-1)),
    args: details.map(({ args }) => args),
  };
}

const fingerprintOf = async (ta: TestTrustAuthority): Promise<string> =>
  (await ta.attestation.rawConfig()).fingerprint;

describe('raw-config', () => {
  it('of one service makes another one like it', async () => {
    const [one, two] = [await start(0), await start(1, { initial: {} })];
    await one.attestation.settings.update({ require_endorsement_keys: true });
    const { configuration, fingerprint } = await one.attestation.rawConfig();
    await two.attestation.replaceRawConfig(configuration);
    expect(await two.attestation.rawConfig()).toMatchObject({ configuration, fingerprint });
    expect(await two.attestation.baseImages.list()).toEqual(await one.attestation.baseImages.list());
    await two.attestation.settings.update({ require_endorsement_keys: false });
    expect((await (await two.bootHost()).attest()).reason).toBeUndefined();
  });

  it('that is none changes nothing', async () => {
    const one = await start(0);
    const before = await one.attestation.rawConfig();
    const upsideDown = JSON.parse(before.configuration) as {
      ca_certificates: { cert_chain: { cert_chain: string[] } }[];
    };
    upsideDown.ca_certificates[0]!.cert_chain.cert_chain.reverse();
    for (const text of ['{', '{}', JSON.stringify(upsideDown)]) {
      await expect(one.attestation.replaceRawConfig(text)).rejects.toMatchObject({
        code: expect.any(String) as string,
      });
    }
    expect(await one.attestation.rawConfig()).toEqual(before);
  });
});

describe('a row of raw-config that is none', () => {
  it.each([
    ['endorsement_keys', { public_key: 'x' }, /endorsement_keys\[1\]: public_key: not a public key/],
    ['endorsement_keys', { certificate: 'x' }, /endorsement_keys\[1\]: certificate: /],
    ['ca_certificates', { cert_chain: { cert_chain: ['x'] } }, /ca_certificates\[1\]/],
  ])('is named: one of %s with %j', async (what, bad, told) => {
    const one = await start(0);
    const { configuration } = await one.attestation.rawConfig();
    const rows = JSON.parse(configuration) as Record<string, object[]>;
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
    rows.endorsement_keys!.push({ name: 'a', public_key: key.export({ type: 'spki', format: 'pem' }) });
    rows[what]!.splice(1, Infinity, { name: 'z', ...bad });
    await expect(one.attestation.replaceRawConfig(JSON.stringify(rows))).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(told) as string,
    });
    expect((await one.attestation.rawConfig()).configuration).toBe(configuration);
  });
});

describe('a cluster of attestation services', () => {
  it('sends a change of one member to the others', async () => {
    const [one, two, three] = [await start(0), await start(1), await start(2, { initial: {} })];
    await join([one, two, three]);
    expect(await fingerprintOf(three)).toBe(await fingerprintOf(one));
    const patched = await packImgdb(presetBaseImage('8.0.3', '24999999'));
    await two.attestation.baseImages.importFromImgdb(patched);
    await one.attestation.caCertificates.delete('tpm-vendor-revoked');
    expect(await fingerprintOf(one)).toBe(await fingerprintOf(three));
    expect(await fingerprintOf(two)).toBe(await fingerprintOf(three));
    expect(await three.attestation.baseImages.list()).toHaveLength(2);
    expect(await statusOf(one)).toEqual({ health: 'OK', ids: [], args: [] });
  });

  it('is in error when members are configured differently, and says which one and what', async () => {
    const [one, two] = [await start(0), await start(1)];
    await two.attestation.settings.update({ require_endorsement_keys: true });
    await two.attestation.caCertificates.delete('tpm-vendor-revoked');
    await join([one, two]);
    const { health, ids, args } = await statusOf(one);
    expect([health, ids]).toEqual(['ERROR', ['configuration_diverged']]);
    expect(args[0]).toEqual([
      two.attestationUrl,
      'settings: different require_endorsement_keys',
      'CA certificates: only here tpm-vendor-revoked',
    ]);
    const [state] = (await one.attestation.cluster.get()).members;
    expect(state).toMatchObject({ reachable: true, health: 'ERROR', fingerprint: await fingerprintOf(two) });
    await one.attestation.replaceRawConfig((await two.attestation.rawConfig()).configuration);
    expect((await statusOf(one)).ids).not.toContain('configuration_diverged');
  });

  it('only compares where it is told not to replicate', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two], false);
    expect((await statusOf(two)).health).toBe('OK');
    await one.attestation.settings.update({ require_endorsement_keys: true });
    expect((await two.attestation.settings.get()).require_endorsement_keys).toBe(false);
    expect((await statusOf(two)).ids).toEqual(['configuration_diverged']);
  });

  it('goes on while a member is down, warns, and brings it up to date when it is back', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    const port = Number(new URL(two.attestationUrl).port);
    await two.stop();
    await one.attestation.settings.update({ require_endorsement_keys: true });
    await one.attestation.settings.update({ require_endorsement_keys: false });
    await one.attestation.caCertificates.delete('tpm-vendor-revoked');
    expect((await (await one.bootHost({ id: 'meanwhile' })).attest()).reason).toBeUndefined();
    expect(await statusOf(one)).toMatchObject({ health: 'WARNING', ids: ['member_unreachable'] });
    const again = await start(1, { initial: {}, attestation: { port } }, two.context.dataDir);
    expect(await statusOf(one)).toMatchObject({ health: 'OK' });
    expect(await fingerprintOf(again)).toBe(await fingerprintOf(one));
    expect((await again.attestation.hosts.list()).map(({ host }) => host)).toEqual(['meanwhile']);
  });

  it('says that both have changed apart from each other, and overwrites neither', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    const port = Number(new URL(two.attestationUrl).port);
    await two.stop();
    await one.attestation.caCertificates.delete('tpm-vendor-revoked');
    const alone = await start(1, { initial: {}, attestation: { port } }, two.context.dataDir);
    // It could not know: its member list says so only to those that it can reach.
    await alone.attestation.cluster.set({ members: [] });
    await alone.attestation.settings.update({ require_endorsement_keys: true });
    await alone.attestation.cluster.set({ members: [memberOf(one)] });
    expect((await statusOf(alone)).ids).toContain('configuration_diverged');
    expect((await alone.attestation.settings.get()).require_endorsement_keys).toBe(true);
    expect((await one.attestation.settings.get()).require_endorsement_keys).toBe(false);
  });

  it('lets nobody in as a member but those that it names', async () => {
    const [one, two] = [await start(0), await start(1)];
    await one.attestation.cluster.set({ members: [memberOf(two)] });
    const statusAs = async (clientCertificate: KeyAndCertificate | undefined): Promise<number> => {
      const http = new HttpClient({
        baseUrl: one.attestationUrl,
        caPem: pki.authority.caPem,
        ...(clientCertificate && { clientCertificate }),
      });
      const { status } = await http.raw('GET', '/api/kpsim/attestation/cluster/configuration');
      await http.close();
      return status;
    };
    expect(await statusAs(identities[1])).toBe(200);
    expect(await statusAs(identities[2])).toBe(403);
    expect(await statusAs(pki.administrator)).toBe(403);
    expect(await statusAs(undefined)).toBe(401);
  });

  it('does not take the service itself for its member, under whatever address', async () => {
    const one = await start(0);
    const member = { ...memberOf(one), address: { hostname: 'localhost', port: 9 } };
    await expect(one.attestation.cluster.set({ members: [member] })).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/certificate of this service itself/) as string,
    });
    expect((await one.attestation.cluster.get()).members).toEqual([]);
  });

  it('does not take a service with another certificate for its member', async () => {
    const [one, two] = [await start(0), await start(1)];
    const impostor = { ...memberOf(two), certificate: identities[2]!.certificatePem };
    await one.attestation.cluster.set({ members: [impostor] });
    expect((await statusOf(one)).ids).toEqual(['member_unreachable']);
  });
});

describe('known hosts of a cluster', () => {
  it('are not taken over with times of the future, and can be listed whatever a member says', async () => {
    const [one, two] = [await start(0), await start(1)];
    await one.attestation.cluster.set({ members: [memberOf(two)] });
    const http = new HttpClient({
      baseUrl: one.attestationUrl,
      caPem: pki.authority.caPem,
      clientCertificate: identities[1]!,
    });
    const record = { endorsementKey: '0'.repeat(64), resetCount: 1, restartCount: 1 };
    const statusFor = async (...entries: readonly object[]): Promise<number> => {
      const hosts = entries.map((entry, index) => ({ host: `told-${index}`, entry }));
      const body = JSON.stringify({ hosts });
      const headers = { 'content-type': 'application/json' };
      const path = '/api/kpsim/attestation/cluster/hosts?action=merge';
      return (await http.raw('POST', path, body, headers)).status;
    };
    const now = one.clock.now();
    const good = { ...record, attestedAtMs: now + 3_600_000 };
    for (const time of [9e15, 8.64e15, now + 2 * 86_400_000, -1]) {
      expect(await statusFor(good, { ...record, attestedAtMs: time })).toBe(400);
      expect(await statusFor(good, { forgottenAtMs: time })).toBe(400);
    }
    expect(await one.attestation.hosts.list()).toEqual([]);
    expect(await statusFor(good)).toBe(200);
    await http.close();
    expect((await one.attestation.hosts.list()).map(({ host }) => host)).toEqual(['told-0']);
  });

  it('are not asked for without end of a member that tells of the same ones again and again', async () => {
    const entry = { endorsementKey: '0'.repeat(64), resetCount: 1, restartCount: 1, attestedAtMs: 1 };
    const hosts = Array.from({ length: HOSTS_A_MESSAGE }, (_, index) => ({
      host: `h-${index % 9}`,
      entry,
    }));
    let asked = 0;
    const { certificatePem, privateKeyPem } = identities[1]!;
    const server = await startHttpsServer({
      app: (request, response) => {
        asked += 1;
        request.resume().once('end', () => response.end(JSON.stringify({ hosts })));
      },
      host: '127.0.0.1',
      port: 0,
      tls: { certificatePem, privateKeyPem },
    });
    const one = await start(0);
    const peer = new Peer(
      { address: networkAddressOf(server.url), certificate: certificatePem },
      identities[0]!,
      one.context.log,
    );
    const other = await makeDataDir();
    const store = await TrustAuthorityStore.open(other.path, one.clock);
    const exchange = new HostExchange(one.clock, new KnownHosts(store));
    await expect(exchange.catchUp(peer)).rejects.toThrow(/again and again/);
    expect([asked, peer.isHearing]).toEqual([2, false]);
    await peer.close();
    await server.close();
    await store.close();
    await other.remove();
  });

  it('keep another TPM from attesting under the id of a host at the next service', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    expect((await (await one.bootHost({ id: 'h' })).attest()).reason).toBeUndefined();
    expect((await (await two.bootHost({ id: 'h' })).attest()).reason).toBe('identity_changed');
    await two.attestation.hosts.forget('h');
    expect(await one.attestation.hosts.list()).toEqual([]);
    expect((await (await two.bootHost({ id: 'h' })).attest()).reason).toBeUndefined();
  });

  it('keep a TPM that was set back from attesting at the next service', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    const host = await one.bootHost({ id: 'h' });
    const copy = host.tpm.saveState();
    await host.reboot();
    await host.reboot();
    expect((await host.attest()).reason).toBeUndefined();
    const { SoftwareTpm } = await import('../../host-agent/tpm/index.js');
    const restored = await two.bootHost({ id: 'h', tpm: SoftwareTpm.load(copy) });
    expect((await restored.attest()).reason).toBe('reset_count_rollback');
  });

  it('do not let two TPMs have one id when they attest at two services at once', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    const hosts = [await one.bootHost({ id: 'h' }), await two.bootHost({ id: 'h' })];
    const reasons = (await Promise.all(hosts.map((host) => host.attest()))).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason === undefined).length).toBeLessThanOrEqual(1);
    expect(reasons).toContain('identity_changed');
    const keys = [await one.attestation.hosts.list(), await two.attestation.hosts.list()].flat();
    expect(new Set(keys.map(({ endorsement_key }) => endorsement_key)).size).toBeLessThanOrEqual(1);
  });

  it('are named where members learned of different TPMs apart from each other', async () => {
    const [one, two] = [await start(0), await start(1)];
    for (const ta of [one, two])
      expect((await (await ta.bootHost({ id: 'h' })).attest()).reason).toBeUndefined();
    await join([one, two]);
    expect(await statusOf(one)).toEqual({
      health: 'ERROR',
      ids: ['known_hosts_diverged'],
      args: [[two.attestationUrl, 'h']],
    });
  });

  it('need not share challenges: one service does not know those of another', async () => {
    const [one, two] = [await start(0), await start(1)];
    await join([one, two]);
    const host = await one.bootHost({ id: 'h' });
    const identity = await host.identity();
    const first = await host.client.attest(identity, [encodeContext(await host.hello())], []);
    const evidence = encodeContext(await host.evidence(first.contexts[0]!));
    const { caPem } = pki.authority;
    const elsewhere = new AttestationClient({
      baseUrl: two.attestationUrl,
      caPem,
      clientCertificate: pki.host,
    });
    expect(outcomeOf(await elsewhere.attest(identity, [evidence], [])).reason).toBe('challenge_expired');
    await elsewhere.close();
    expect(outcomeOf(await host.client.attest(identity, [evidence], [])).reason).toBeUndefined();
    expect(outcomeOf(await host.client.attest(identity, [evidence], [])).reason).toBe('nonce_reused');
  });

  it('survive a restart of the member that did not hear of them', async () => {
    const initial = await trustingInitial(pki);
    const [one, two] = [await start(0, { initial }), await start(1, { initial })];
    await join([one, two]);
    const port = Number(new URL(two.attestationUrl).port);
    await two.stop();
    expect((await (await one.bootHost({ id: 'h' })).attest()).reason).toBeUndefined();
    const again = await start(1, { initial, attestation: { port } }, two.context.dataDir);
    // The first judgement waits until the members have been asked.
    expect((await (await again.bootHost({ id: 'h' })).attest()).reason).toBe('identity_changed');
  });
});
