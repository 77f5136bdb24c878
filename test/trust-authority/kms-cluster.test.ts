import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { HttpStatusError } from '../../core/http/index.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
import type { KmsClusterMember } from '../../trust-authority/client.js';
import type { TestKms } from '../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import { makeProvider, newPrimaryKey, refusedPort, startKeyServer } from './key-provider.js';
import { TestSts } from './sts.js';
import { fc } from '../property.js';

let pki: TrustPki;
let keyServer: TestKms;
let one: TestTrustAuthority;
let two: TestTrustAuthority;
let masterKeyId: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  keyServer = await startKeyServer(pki);
  [one, two] = await Promise.all([startTrustAuthority(pki), startTrustAuthority(pki)]);
  masterKeyId = await newPrimaryKey(keyServer.client());
});

afterAll(async () => {
  await Promise.all([one, two].map((ta) => ta[Symbol.asyncDispose]()));
  await keyServer[Symbol.asyncDispose]();
});

function memberAt(url: string): KmsClusterMember {
  return { address: networkAddressOf(url), certificate: pki.server.certificatePem };
}

function attestationAt(ta: TestTrustAuthority) {
  return {
    address: networkAddressOf(ta.attestationUrl),
    trusted_CA: { cert_chain: [pki.authority.caPem] },
    group: 'group-1',
  };
}

describe('key provider services of a cluster', () => {
  it('are told apart by their configuration until one takes over that of the other', async () => {
    const sts = await TestSts.create();
    await makeProvider(one, { provider: 'tkp-b', masterKeyId, ports: [keyServer.port] });
    await makeProvider(one, { provider: 'tkp-a', masterKeyId, ports: [keyServer.port] });
    const profile = await one.kms.principals.create(sts.spec());
    await one.kms.entitlements.set('tkp-b', [profile]);
    await one.kms.attestationServices.register(attestationAt(two));
    await makeProvider(two, { provider: 'tkp-left', masterKeyId, ports: [keyServer.port] });
    await one.kms.cluster.set({ members: [memberAt(two.kmsUrl)] });
    const before = await one.kms.cluster.get();
    expect(before).toMatchObject({ health: 'ERROR', members: [{ reachable: true, health: 'ERROR' }] });
    expect(before.members[0]!.fingerprint).not.toBe(before.fingerprint);

    const { configuration, fingerprint } = await one.kms.rawConfig();
    await two.kms.replaceRawConfig(configuration);
    expect(await two.kms.rawConfig()).toMatchObject({ configuration, fingerprint });
    expect(await one.kms.cluster.get()).toEqual({
      fingerprint,
      health: 'OK',
      members: [{ ...memberAt(two.kmsUrl), reachable: true, fingerprint, health: 'OK' }],
    });
    expect((await two.kms.providers.list()).map(({ provider }) => provider).sort()).toEqual([
      'tkp-a',
      'tkp-b',
    ]);
    expect(await two.kms.entitlements.get('tkp-b')).toEqual({ profiles: [profile] });
  });

  it('release each other’s keys once the new one has a client certificate', async () => {
    const host = await one.bootHost();
    const token = await host.token();
    const made = await one.kmsAs(pki.host).generateKey({ provider: 'tkp-a', numOfBytes: 32 }, token);
    const decrypt = () =>
      two.kmsAs(pki.host).decrypt({ provider: 'tkp-a', ciphertext: made.ciphertext }, token);
    await two.kms.attestationServices.register(attestationAt(one));
    await expect(decrypt()).rejects.toMatchObject({ reason: 'key_server_unavailable' });
    const { certificatePem, privateKeyPem } = await pki.authority.issueClient({ commonName: 'tkp-a at two' });
    await two.kms.providers.setClientCertificate('tkp-a', {
      certificate: certificatePem,
      private_key: privateKeyPem,
    });
    const released = await decrypt();
    expect(await host.open(released.plaintextJwe)).toEqual(await host.open(made.plaintextJwe));
  });

  it('keep what is their own when the configuration is taken over again, and over a restart', async () => {
    const { configuration } = await one.kms.rawConfig();
    const { certificate } = await two.kms.providers.clientCertificate('tkp-a');
    await two.kms.replaceRawConfig(configuration);
    expect(await two.kms.providers.clientCertificate('tkp-a')).toEqual({ certificate });
    await two.stop();
    await using again = await startTrustAuthority(pki, {}, { dataDir: two.context.dataDir });
    expect((await again.kms.rawConfig()).configuration).toBe(configuration);
    expect(await again.kms.providers.clientCertificate('tkp-a')).toEqual({ certificate });
  });

  it('count one that cannot be reached as an error', async () => {
    await using lonely = await startTrustAuthority(pki);
    expect(await lonely.kms.cluster.get()).toMatchObject({ health: 'OK', members: [] });
    await lonely.kms.cluster.set({ members: [memberAt(`https://127.0.0.1:${await refusedPort()}`)] });
    const { health, members } = await lonely.kms.cluster.get();
    expect(health).toBe('ERROR');
    expect(members).toMatchObject([{ reachable: false, health: 'ERROR' }]);
    expect(members[0]).not.toHaveProperty('fingerprint');
    const other = { ...memberAt(one.kmsUrl), certificate: pki.administrator.certificatePem };
    await lonely.kms.cluster.set({ members: [other] });
    expect((await lonely.kms.cluster.get()).members).toMatchObject([{ reachable: false }]);
    const member = memberAt(lonely.kmsUrl);
    await expect(lonely.kms.cluster.set({ members: [member, member] })).rejects.toMatchObject({
      status: 400,
    });
  });

  it('refuse a configuration that is not one, all of it, and stay as they were', async () => {
    await using other = await startTrustAuthority(pki);
    await makeProvider(other, { provider: 'tkp-kept', masterKeyId, ports: [keyServer.port] });
    const { configuration } = await other.kms.rawConfig();
    const good = JSON.parse(configuration) as { providers: Record<string, unknown>[] } & Record<
      string,
      unknown
    >;
    const [provider] = good.providers;
    const proxied = { ...(provider!.key_server as object), proxy_server: { hostname: 'proxy' } };
    for (const bad of [
      'not JSON',
      '[]',
      JSON.stringify({ ...good, group: 'group-2' }),
      JSON.stringify({ ...good, providers: [provider, provider] }),
      JSON.stringify({ ...good, providers: [{ ...provider, serverCertificates: ['no certificate'] }] }),
      JSON.stringify({ ...good, providers: [{ ...provider, key_server: proxied }] }),
      JSON.stringify({ ...good, providers: [{ ...provider, entitledProfiles: [UNKNOWN_PROFILE] }] }),
      JSON.stringify({ ...good, attestation_services: [attestationAt(one), attestationAt(one)] }),
      JSON.stringify({ ...good, surprise: true }),
    ]) {
      await expect(other.kms.replaceRawConfig(bad)).rejects.toMatchObject({ status: 400 });
    }
    expect((await other.kms.rawConfig()).configuration).toBe(configuration);
  });

  it('refuse whatever else is sent as a provider or a configuration, without harm', async () => {
    const { configuration } = await one.kms.rawConfig();
    const good = JSON.parse(configuration) as Record<string, unknown>;
    const spec = (good.providers as Record<string, unknown>[])[0]!;
    const changed = (row: Record<string, unknown>) =>
      fc
        .tuple(fc.constantFrom(...Object.keys(row)), fc.jsonValue())
        .filter(([key, value]) => JSON.stringify(row[key]) !== JSON.stringify(value))
        .map(([key, value]) => ({ ...row, [key]: value }));
    await fc.assert(
      fc.asyncProperty(changed(spec), changed(good), async (provider, whole) => {
        const { serverCertificates: _own, formerMasterKeyIds: _former, ...create } = provider;
        for (const attempt of [
          () => one.kms.providers.create(create as never),
          () => one.kms.replaceRawConfig(JSON.stringify(whole)),
        ]) {
          const outcome = await attempt().then(
            () => 'accepted',
            (error: unknown) => (error instanceof HttpStatusError ? error.status : error),
          );
          expect(['accepted', 400]).toContain(outcome);
        }
      }),
      { numRuns: 60 },
    );
    await one.kms.replaceRawConfig(configuration);
    expect((await one.kms.rawConfig()).configuration).toBe(configuration);
  });
});

const UNKNOWN_PROFILE = '00000000-0000-8000-8000-000000000000';
