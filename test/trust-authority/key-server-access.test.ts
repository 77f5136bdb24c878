import { webcrypto } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { parseCertificate } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import type { KmipClient } from '../../kms/client.js';
import type { TestKms } from '../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';
import { makeTrustPki, startTrustAuthority } from './harness.js';
import { makeProvider, newPrimaryKey, refusedPort, startKeyServer } from './key-provider.js';
import type { TestHost } from './test-host.js';

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const USERNAME = 'tkp-user';
const PASSWORD = 'correct horse';

let pki: TrustPki;
/** Demands a user name and password. */
let guarded: TestKms;
/** Knows its clients by their certificates alone. */
let open: TestKms;
let ta: TestTrustAuthority;
let host: TestHost;
let token: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  guarded = await startKeyServer(pki, {
    credentials: [{ username: USERNAME, password: PASSWORD }],
    credentialRequired: true,
  });
  open = await startKeyServer(pki);
  ta = await startTrustAuthority(pki);
  host = await ta.bootHost();
  token = await host.token();
});

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
});

function administratorOf(kms: TestKms): KmipClient {
  return kms === guarded
    ? kms.client({ credential: { username: USERNAME, password: PASSWORD } })
    : kms.client();
}

async function provider(name: string, kms: TestKms, username?: string): Promise<void> {
  const masterKeyId = await newPrimaryKey(administratorOf(kms));
  await makeProvider(ta, {
    provider: name,
    masterKeyId,
    ports: [kms.port],
    ...(username !== undefined && { username }),
  });
}

function generate(name: string): Promise<{ ciphertext: string }> {
  return ta.kmsAs(pki.host).generateKey({ provider: name, numOfBytes: 32 }, token);
}

describe('a key server that demands a user name and password', () => {
  it('gives the primary key once the right password is set, and no longer when it is wrong', async () => {
    await provider('tkp-credential', guarded, USERNAME);
    const { providers } = ta.kms;
    await expect(generate('tkp-credential')).rejects.toMatchObject({ reason: 'key_server_unavailable' });
    await providers.setCredential('tkp-credential', PASSWORD);
    await expect(generate('tkp-credential')).resolves.toBeDefined();
    await providers.setCredential('tkp-credential', 'tr0ub4dor');
    await expect(generate('tkp-credential')).rejects.toMatchObject({ reason: 'key_server_unavailable' });
    const { health, servers } = await providers.status('tkp-credential');
    expect(health).toBe('ERROR');
    expect(servers).toMatchObject([{ client_trust_server: true, server_trust_client: false }]);
    expect(JSON.stringify(servers)).not.toContain('tr0ub4dor');
  });

  it('refuses a provider without a user name', async () => {
    await provider('tkp-nameless', guarded);
    await ta.kms.providers.setCredential('tkp-nameless', PASSWORD);
    await expect(generate('tkp-nameless')).rejects.toMatchObject({ reason: 'key_server_unavailable' });
  });
});

describe('the client certificate of a provider', () => {
  it('begins self-signed, and is replaced by one for its request, whose key never leaves the service', async () => {
    await provider('tkp-csr', open);
    const { providers } = ta.kms;
    const { certificate: before } = await providers.createClientCertificate('tkp-csr');
    await expect(generate('tkp-csr')).rejects.toMatchObject({ reason: 'key_server_unavailable' });
    const { servers } = await providers.status('tkp-csr');
    expect(servers).toMatchObject([{ client_trust_server: true, server_trust_client: false }]);

    const { csr } = await providers.createClientCertificateCsr('tkp-csr');
    const request = new x509.Pkcs10CertificateRequest(csr);
    expect(await request.verify()).toBe(true);
    const issued = pki.authority.issueFor(await request.publicKey.export(), { commonName: 'tkp-csr' });
    const other = await pki.authority.issueClient({ commonName: 'tkp-csr' });
    await expect(
      providers.setClientCertificate('tkp-csr', { certificate: other.certificatePem }),
    ).rejects.toMatchObject({ status: 400 });
    await providers.setClientCertificate('tkp-csr', { certificate: issued.toString() });
    await expect(generate('tkp-csr')).resolves.toBeDefined();
    const { certificate } = await providers.clientCertificate('tkp-csr');
    expect(certificate).not.toBe(before);
    expect(parseCertificate(certificate).raw).toEqual(issued.raw);
  });

  it('is shown from the next question on after it was replaced', async () => {
    await provider('tkp-rotated', open);
    await generate('tkp-rotated');
    const renewed = await pki.authority.issueClient({ commonName: 'tkp-rotated-anew' });
    await ta.kms.providers.setClientCertificate('tkp-rotated', {
      certificate: renewed.certificatePem,
      private_key: renewed.privateKeyPem,
    });
    await generate('tkp-rotated');
    const clients = open.context.journal.entries().map(({ client }) => client);
    expect(clients).toContain('tkp-rotated');
    expect(clients.at(-1)).toBe('tkp-rotated-anew');
  });
});

describe('the certificates of key servers', () => {
  it('are shown before they are trusted, those of servers that cannot be reached left out', async () => {
    const ports = [open.port, await refusedPort()];
    const masterKeyId = await newPrimaryKey(administratorOf(open));
    await makeProvider(ta, { provider: 'tkp-remote', masterKeyId, ports });
    const { providers } = ta.kms;
    await providers.setServerCertificates('tkp-remote', []);
    const [shown, ...others] = await providers.remoteServerCertificates('tkp-remote');
    expect(others).toEqual([]);
    expect(shown).toMatchObject({ server: 'server-1', trusted: false });
    await expect(generate('tkp-remote')).rejects.toMatchObject({ reason: 'key_server_unavailable' });

    await providers.setServerCertificates('tkp-remote', [shown!.certificate]);
    expect(await providers.remoteServerCertificates('tkp-remote')).toMatchObject([{ trusted: true }]);
    await expect(generate('tkp-remote')).resolves.toBeDefined();
  });

  it('are not trusted for the name of their issuer alone', async () => {
    await provider('tkp-lookalike', open);
    const { providers } = ta.kms;
    // Another authority of the same name and key identifier: it issued nothing.
    const certificate = new x509.X509Certificate(pki.authority.caPem);
    const lookalike = await x509.X509CertificateGenerator.createSelfSigned({
      name: certificate.subjectName.toString(),
      extensions: certificate.extensions,
      keys: await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']),
      signingAlgorithm: EC_P256,
    });
    await providers.setServerCertificates('tkp-lookalike', [lookalike.toString('pem')]);
    expect(await providers.remoteServerCertificates('tkp-lookalike')).toMatchObject([{ trusted: false }]);
    const { servers } = await providers.status('tkp-lookalike');
    expect(servers).toMatchObject([{ client_trust_server: false, server_trust_client: false }]);
  });

  it('cannot be shown if no server can be reached, and the service says so', async () => {
    await makeProvider(ta, { provider: 'tkp-away', masterKeyId: 'x', ports: [await refusedPort()] });
    await expect(ta.kms.providers.remoteServerCertificates('tkp-away')).rejects.toMatchObject({
      status: 503,
    });
  });
});

it('A provider behind a proxy is refused, when it is made and when it is changed', async () => {
  await provider('tkp-direct', open);
  const proxy_server = { hostname: 'proxy.example', port: 3128 };
  const { master_key_id, key_server } = await ta.kms.providers.get('tkp-direct');
  await expect(
    ta.kms.providers.create({
      provider: 'tkp-proxy',
      master_key_id,
      key_server: { ...key_server, proxy_server },
    }),
  ).rejects.toMatchObject({ status: 400, body: { error_type: 'UNSUPPORTED' } });
  await expect(ta.kms.providers.update('tkp-direct', { key_server: { proxy_server } })).rejects.toMatchObject(
    { status: 400, body: { error_type: 'UNSUPPORTED' } },
  );
  await expect(generate('tkp-direct')).resolves.toBeDefined();
});
