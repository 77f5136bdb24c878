import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type { TestKms, TestPki } from '../kms/harness.js';
import { startKms } from '../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import type { TestHost } from './test-host.js';

let pki: TrustPki;
let kmsPki: TestPki;
let keyServer: TestKms;
let administrator: KmipClient;
let ta: TestTrustAuthority;
let host: TestHost;
let token: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  const { authority, server } = pki;
  kmsPki = {
    authority,
    server: await authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
    east: await authority.issueClient({ commonName: 'vc-east' }),
    west: await authority.issueClient({ commonName: 'vc-west' }),
  };
  keyServer = await startKms(kmsPki);
  administrator = keyServer.client();
  ta = await startTrustAuthority(pki, {
    tls: { certificatePem: server.certificatePem, privateKeyPem: server.privateKeyPem },
  });
  await makeProvider(ta, 'tkp-1', await newPrimaryKey());
  host = await ta.bootHost();
  token = await host.token();
});

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

async function newPrimaryKey(): Promise<string> {
  const id = await administrator.create();
  await administrator.activate(id);
  return id;
}

/** A provider whose client certificate is signed by the test authority over its CSR. */
async function makeProvider(at: TestTrustAuthority, provider: string, masterKeyId: string): Promise<void> {
  const { providers } = at.kms;
  await providers.create({
    provider,
    master_key_id: masterKeyId,
    key_server: {
      type: 'KMIP',
      kmip_server: { servers: [{ name: 'kms-1', address: { hostname: '127.0.0.1', port: keyServer.port } }] },
    },
  });
  const { certificatePem, privateKeyPem } = await pki.authority.issueClient({ commonName: provider });
  await providers.setClientCertificate(provider, { certificate: certificatePem, private_key: privateKeyPem });
  await providers.setServerCertificates(provider, [pki.authority.caPem]);
}

describe('the key provider service', () => {
  it('makes a key for a host that attested, and releases it again by its id', async () => {
    const kms = ta.kmsAs(pki.host);
    const made = await kms.generateKey({ provider: 'tkp-1', numOfBytes: 32 }, token);
    const key = await host.open(made.plaintextJwe);
    expect(key).toHaveLength(32);
    const released = await kms.decrypt({ provider: 'tkp-1', ciphertext: made.ciphertext }, token);
    expect(await host.open(released.plaintextJwe)).toEqual(key);
    expect(released.plaintextJwe).not.toBe(made.plaintextJwe);
  });

  it('wraps a key that a host brings', async () => {
    const kms = ta.kmsAs(pki.host);
    const key = Buffer.alloc(64, 7);
    const { ciphertext } = await kms.encrypt({ provider: 'tkp-1', plaintext: key.toString('base64') }, token);
    const { plaintextJwe } = await kms.decrypt({ provider: 'tkp-1', ciphertext }, token);
    expect(await host.open(plaintextJwe)).toEqual(key);
  });

  it('does not take a ciphertext of another provider, an altered one or none at all', async () => {
    await makeProvider(ta, 'tkp-other', (await ta.kms.providers.get('tkp-1')).master_key_id);
    const kms = ta.kmsAs(pki.host);
    const { ciphertext } = await kms.generateKey({ provider: 'tkp-1', numOfBytes: 32 }, token);
    const bytes = Buffer.from(ciphertext, 'base64');
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 20) ^ 1, bytes.length - 20);
    for (const [provider, text] of [
      ['tkp-other', ciphertext],
      ['tkp-1', bytes.toString('base64')],
      ['tkp-1', 'AAAA'],
      ['tkp-1', ''],
    ] as const) {
      await expect(kms.decrypt({ provider, ciphertext: text }, token)).rejects.toMatchObject({ status: 400 });
    }
  });

  it('unwraps keys under a former primary key after the provider got a new one', async () => {
    await makeProvider(ta, 'tkp-rotated', await newPrimaryKey());
    const kms = ta.kmsAs(pki.host);
    const made = await kms.generateKey({ provider: 'tkp-rotated', numOfBytes: 32 }, token);
    await ta.kms.providers.update('tkp-rotated', { master_key_id: await newPrimaryKey() });
    const released = await kms.decrypt({ provider: 'tkp-rotated', ciphertext: made.ciphertext }, token);
    expect(await host.open(released.plaintextJwe)).toEqual(await host.open(made.plaintextJwe));
  });

  it('says that there is no such provider', async () => {
    const kms = ta.kmsAs(pki.host);
    await expect(kms.generateKey({ provider: 'nobody', numOfBytes: 32 }, token)).rejects.toMatchObject({
      status: 404,
    });
  });

  it('says that the primary key is missing, not active or destroyed', async () => {
    const kms = ta.kmsAs(pki.host);
    const id = await newPrimaryKey();
    await makeProvider(ta, 'tkp-lost', id);
    const { ciphertext } = await kms.generateKey({ provider: 'tkp-lost', numOfBytes: 32 }, token);
    await administrator.revoke(id);
    ta.clock.advance(31_000);
    const decrypt = () => kms.decrypt({ provider: 'tkp-lost', ciphertext }, token);
    await expect(decrypt()).rejects.toMatchObject({ reason: 'WrappingKeyNotActiveOrEnabled' });
    await administrator.destroy(id);
    await expect(decrypt()).rejects.toMatchObject({ reason: 'WrappingKeyMissingInKMS' });
    await makeProvider(ta, 'tkp-never', 'no-such-key');
    await expect(kms.generateKey({ provider: 'tkp-never', numOfBytes: 32 }, token)).rejects.toMatchObject({
      reason: 'WrappingKeyMissingInKMS',
    });
    const status = await ta.kms.providers.status('tkp-never');
    expect(status.health).toBe('ERROR');
    expect(status.details[0]?.id).toBe('kpsim.kms.WrappingKeyMissingInKMS');
  });

  it('asks the key server once for a storm of hosts, and not again within the time of its cache', async () => {
    await makeProvider(ta, 'tkp-storm', await newPrimaryKey());
    const kms = ta.kmsAs(pki.host);
    const gets = () =>
      keyServer.context.journal.entries().filter(({ operation }) => operation === 'Get').length;
    const before = gets();
    await Promise.all(
      Array.from({ length: 40 }, () => kms.generateKey({ provider: 'tkp-storm', numOfBytes: 32 }, token)),
    );
    expect(gets() - before).toBe(1);
    ta.clock.advance(31_000);
    await kms.generateKey({ provider: 'tkp-storm', numOfBytes: 32 }, token);
    expect(gets() - before).toBe(2);
  });

  it('shows whether the key server can be used', async () => {
    const [remote] = await ta.kms.providers.remoteServerCertificates('tkp-1');
    expect(remote).toMatchObject({ server: 'kms-1', trusted: true });
    expect(await ta.kms.providers.get('tkp-1')).toMatchObject({ provider: 'tkp-1', status: 'OK' });
    await ta.kms.providers.setServerCertificates('tkp-other', []);
    const kms = ta.kmsAs(pki.host);
    await expect(kms.generateKey({ provider: 'tkp-other', numOfBytes: 32 }, token)).rejects.toMatchObject({
      reason: 'key_server_unavailable',
    });
    const [untrusted] = await ta.kms.providers.remoteServerCertificates('tkp-other');
    expect(untrusted?.trusted).toBe(false);
  });

  it('keeps providers, their certificates and their credentials over a restart', async () => {
    await using before = await startTrustAuthority(pki);
    const id = await newPrimaryKey();
    await makeProvider(before, 'tkp-kept', id);
    await before.kms.providers.setCredential('tkp-kept', 'correct horse');
    const firstHost = await before.bootHost();
    const first = await firstHost.token();
    const made = await before.kmsAs(pki.host).generateKey({ provider: 'tkp-kept', numOfBytes: 32 }, first);
    const key = await firstHost.open(made.plaintextJwe);
    const applied = await before.kms.rawConfig();
    await before.stop();
    await using after = await startTrustAuthority(pki, {}, { dataDir: before.context.dataDir });
    expect(await after.kms.rawConfig()).toEqual(applied);
    expect(applied.configuration).not.toContain('correct horse');
    const secondHost = await after.bootHost({ id: 'another' });
    const released = await after
      .kmsAs(pki.host)
      .decrypt({ provider: 'tkp-kept', ciphertext: made.ciphertext }, await secondHost.token());
    expect(await secondHost.open(released.plaintextJwe)).toEqual(key);
  });

  it('writes no key, token or password into its journal', async () => {
    const kms = ta.kmsAs(pki.host);
    const { ciphertext } = await kms.generateKey({ provider: 'tkp-1', numOfBytes: 32 }, token);
    await kms.decrypt({ provider: 'tkp-1', ciphertext }, token);
    await ta.kms.providers.setCredential('tkp-1', 'correct horse');
    const journal = JSON.stringify(ta.context.journal.entries());
    expect(journal).toContain('kms.decrypt');
    for (const secret of [token, ciphertext, 'correct horse']) expect(journal).not.toContain(secret);
  });
});
