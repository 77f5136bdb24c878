import { once } from 'node:events';
import { cp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import type { KeyAndCertificate } from '../../../core/pki/index.js';
import { clientCertificateFor } from '../../../lab/client-certificate.js';
import type { VcenterClient } from '../../../vcenter/index.js';
import type { ClusterEntity } from '../../../vcenter/inventory/entities.js';
import { VcenterStore } from '../../../vcenter/store.js';
import { networkAddressOf } from '../../../wire/attestation/index.js';
import type { TestKms } from '../../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import { newPrimaryKey, startKeyServer } from '../../trust-authority/key-provider.js';
import type { AuthoritySite } from './authority-site.js';
import { membersOf, startAuthoritySite } from './authority-site.js';
import { ROOT } from './services.js';

let pki: TrustPki;
let keyServer: TestKms;
let masterKeyId: string;

beforeAll(async () => {
  pki = await makeTrustPki();
  keyServer = await startKeyServer(pki, { credentials: [CREDENTIAL] });
  masterKeyId = await newPrimaryKey(keyServer.client({ credential: CREDENTIAL }));
});
afterAll(() => keyServer[Symbol.asyncDispose]());

const PROVIDER = 'tkp-1';
/** The key server demands a user name and password besides the certificate. */
const CREDENTIAL = { username: 'trusted', password: 'sesame' };

async function startMember(): Promise<TestTrustAuthority> {
  const member = await startTrustAuthority(pki);
  onTestFinished(() => member[Symbol.asyncDispose]());
  return member;
}

/** Starts a member that was stopped, with what it had, where it was. */
async function startAgain(member: TestTrustAuthority): Promise<TestTrustAuthority> {
  const [attestation, kms] = [member.attestationUrl, member.kmsUrl].map((url) => ({
    port: networkAddressOf(url).port!,
  }));
  const again = await startTrustAuthority(pki, { attestation, kms }, { dataDir: member.context.dataDir });
  onTestFinished(() => again[Symbol.asyncDispose]());
  return again;
}

/** A cluster of two members, enabled. */
async function startCluster(): Promise<
  AuthoritySite & {
    readonly path: string;
    readonly client: VcenterClient;
    readonly first: TestTrustAuthority;
    readonly second: TestTrustAuthority;
  }
> {
  const [first, second] = await Promise.all([startMember(), startMember()]);
  const site = await startAuthoritySite(pki, [first, second]);
  const path = `${ROOT}/trust-authority-clusters/${site.cluster}`;
  await site.vc.client.restTask('PATCH', path, { state: 'ENABLE' });
  return { ...site, path, client: site.vc.client, first, second };
}

const providerSpec = (): object => ({
  provider: PROVIDER,
  master_key_id: masterKeyId,
  key_server: {
    type: 'KMIP',
    kmip_server: {
      servers: [{ name: 'kms-1', address: { hostname: '127.0.0.1', port: keyServer.port } }],
      username: CREDENTIAL.username,
    },
  },
});

/** The documented steps: a provider, the key server's certificate, a CSR that its authority signs, a password. */
async function configureProvider(client: VcenterClient, path: string): Promise<void> {
  await client.restTask('POST', `${path}/kms/providers`, providerSpec());
  const provider = `${path}/kms/providers/${PROVIDER}`;
  await client.restTask('PATCH', `${provider}/peer-certs/trusted`, { certificates: [pki.authority.caPem] });
  const made = await client.restTask('POST', `${provider}/client-certificate/csr`);
  expect(await client.restTask('GET', `${provider}/client-certificate/csr`)).toEqual(made);
  const certificate = await clientCertificateFor(pki.authority, (made as { csr: string }).csr, PROVIDER);
  await client.restTask('PATCH', `${provider}/client-certificate`, { certificate });
  await client.restTask('PUT', `${provider}/credential`, CREDENTIAL.password);
}

/** Whether keys that one member made are released by the other. */
async function expectCommonKeys(maker: TestTrustAuthority, other: TestTrustAuthority): Promise<void> {
  const host = await maker.bootHost();
  const token = await host.token();
  const made = await maker.kmsAs(pki.host).generateKey({ provider: PROVIDER, numOfBytes: 32 }, token);
  const spec = { provider: PROVIDER, ciphertext: made.ciphertext };
  const released = await other.kmsAs(pki.host).decrypt(spec, token);
  expect(await host.open(released.plaintextJwe)).toEqual(await host.open(made.plaintextJwe));
}

const BEHIND = 'kpsim.trustedInfrastructure.membersBehind';

/** What answers in place of a service. */
interface Stray {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** As a proxy does that cannot reach the service. */
const BAD_GATEWAY: Stray = { status: 502, type: 'text/html', body: '<h1>Bad Gateway</h1>' };

/** What listens at the address of a service; it is closed with the test, or before. */
async function startInPlace(
  port: number,
  { certificatePem: cert, privateKeyPem: key }: KeyAndCertificate,
  answer: RequestListener,
): Promise<{ close(): Promise<unknown> }> {
  const server = createServer({ cert, key }, answer);
  const close = async (): Promise<unknown> => {
    server.closeAllConnections();
    return server.listening && once(server.close(), 'close');
  };
  onTestFinished(async () => {
    await close();
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return { close };
}

/** Something else at the address of a service. */
async function startProxyWithoutService(
  port: number,
  { status, type, body }: Stray = BAD_GATEWAY,
): Promise<{ close(): Promise<unknown> }> {
  const identity = await pki.authority.issueServer({ commonName: 'proxy', ipAddresses: ['127.0.0.1'] });
  return startInPlace(port, identity, (_request, response) => {
    response.writeHead(status, { 'content-type': type }).end(body);
  });
}

/** Something at the address of a service that takes a request and never answers it. */
async function startSilentService(
  port: number,
): Promise<{ readonly asked: Promise<void>; close(): Promise<unknown> }> {
  let ask: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const server = await startInPlace(port, pki.server, () => ask());
  return { ...server, asked };
}

const health = (client: VcenterClient, path: string) =>
  client.restTask('GET', `${path}/kms/service-status`) as Promise<{
    readonly health: string;
    readonly details: readonly { readonly id: string; readonly default_message: string }[];
  }>;

describe('the members of a Trust Authority cluster', () => {
  it('all show the certificate of the one CSR to the key server', async () => {
    const { client, path, first, second } = await startCluster();
    await configureProvider(client, path);
    const shown = await client.restTask('GET', `${path}/kms/providers/${PROVIDER}/client-certificate`);
    for (const { kms } of [first, second]) {
      expect(await kms.providers.clientCertificate(PROVIDER)).toEqual(shown);
      expect(await kms.providers.status(PROVIDER)).toMatchObject({ health: 'OK' });
    }
    await expectCommonKeys(first, second);
    // Certificates that are not told stay (`TrustedPeerCertificates.UpdateSpec`).
    await client.restTask('PATCH', `${path}/kms/providers/${PROVIDER}/peer-certs/trusted`, {});
    expect(await health(client, path)).toEqual({ health: 'OK', details: [] });
  });

  it('show one certificate from the start, and after one was made anew', async () => {
    const { client, path, first, second } = await startCluster();
    await configureProvider(client, path);
    const certificate = `${path}/kms/providers/${PROVIDER}/client-certificate`;
    const before = await first.kms.providers.clientCertificate(PROVIDER);
    await client.restTask('POST', certificate);
    const after = await client.restTask('GET', certificate);
    expect(after).not.toEqual(before);
    expect(await first.kms.providers.clientCertificate(PROVIDER)).toEqual(after);
    expect(await second.kms.providers.clientCertificate(PROVIDER)).toEqual(after);
    await expect(client.restTask('GET', `${certificate}/csr`)).rejects.toThrow(/no pending/);
    await expect(client.restTask('PATCH', certificate, before)).rejects.toThrow(/no pending/);
  });

  it('can be configured while the first is down, which gets it all when it is back', async () => {
    const { client, path, first, second } = await startCluster();
    await first.stop();
    await configureProvider(client, path);
    await client.restTask('PATCH', `${path}/attestation/tpm2/settings`, { require_endorsement_keys: true });
    await client.restTask('PATCH', `${path}/attestation/tpm2/settings`, { require_endorsement_keys: false });
    const away = await health(client, path);
    expect(away.health).toBe('ERROR');
    expect(away.details[0]).toMatchObject({
      id: BEHIND,
      default_message: expect.stringContaining('ta-1') as string,
    });

    const back = await startAgain(first);
    // Asked for nothing before it has caught up: it knows of no provider.
    expect(await client.restTask('GET', `${path}/kms/providers`)).toEqual([
      { provider: PROVIDER, health: 'OK' },
    ]);
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await health(client, path)).toEqual({ health: 'OK', details: [] });
    expect((await back.attestation.rawConfig()).fingerprint).toBe(
      (await second.attestation.rawConfig()).fingerprint,
    );
    await expectCommonKeys(second, back);
    await second.stop();
    expect(await client.restTask('GET', `${path}/kms/providers`)).toEqual([
      { provider: PROVIDER, health: 'OK' },
    ]);
  });

  it('catch up by themselves, also after a restart of the vCenter', async () => {
    const { vc, client, path, second, first } = await startCluster();
    await second.stop();
    await configureProvider(client, path);
    const back = await startAgain(second);
    const restarted = await vc.restart();
    // It looks after its clusters when it starts; a change waits until that is over.
    await restarted.client.restTask('PATCH', `${path}/kms/providers/${PROVIDER}`, {
      key_server: { description: 'told after the restart' },
    });
    expect((await back.kms.rawConfig()).configuration).toContain('told after the restart');
    await expectCommonKeys(first, back);
  });

  it('that come later get what the others have; a change that no member takes leaves none behind', async () => {
    const { client, cluster, path, first, second } = await startCluster();
    await configureProvider(client, path);
    await client.restTask('PATCH', path, { state: 'DISABLE' });
    const third = await startMember();
    const members = `/api/kpsim/vcenter/clusters/${cluster}/trust-authority`;
    await client.rest('PUT', members, membersOf(pki, [first, second, third]));
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await health(client, path)).toEqual({ health: 'OK', details: [] });
    await expectCommonKeys(first, third);

    await client.restTask('DELETE', `${path}/kms/providers/${PROVIDER}`);
    for (const { kms } of [first, second, third]) expect(await kms.providers.list()).toEqual([]);
    await Promise.all([first, second, third].map((member) => member.stop()));
    await expect(
      client.restTask('PATCH', `${path}/attestation/tpm2/settings`, { require_endorsement_keys: true }),
    ).rejects.toThrow(/ta-1 does not answer/);
    expect(await client.rest('GET', members)).toMatchObject({ current: ['ta-1', 'ta-2', 'ta-3'] });
  });

  it('are behind when they refuse what another takes', async () => {
    const { client, path, first, second } = await startCluster();
    await configureProvider(client, path);
    await second.stop();
    const proxy = await startProxyWithoutService(networkAddressOf(second.kmsUrl).port!);
    await client.restTask('POST', `${path}/kms/providers/${PROVIDER}/client-certificate`);
    const away = await health(client, path);
    expect(away).toMatchObject({ health: 'ERROR', details: [{ id: BEHIND }, {}, {}] });
    expect(away.details[2]?.default_message).toMatch(/ta-2 does not answer as .*: status 502/);
    await proxy.close();

    const back = await startAgain(second);
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await health(client, path)).not.toMatchObject({ details: [{ id: BEHIND }] });
    expect(await back.kms.providers.clientCertificate(PROVIDER)).toEqual(
      await first.kms.providers.clientCertificate(PROVIDER),
    );
  });

  const json = (status: number, answer: unknown): Stray => ({
    status,
    type: 'application/json',
    body: JSON.stringify(answer),
  });
  const refusal = (status: number, type: string, data?: object): Stray =>
    json(status, { error_type: type, messages: [], data });
  it.each([
    ['a page that is no JSON', { status: 200, type: 'text/html', body: '<h1>Welcome</h1>' }],
    ['a redirect', { status: 302, type: 'text/plain', body: '' }],
    ['an object', json(200, {})],
    ['a list', json(200, [1])],
    ['null', json(200, null)],
    ['that it is starting', refusal(503, 'SERVICE_UNAVAILABLE')],
    ['that it fails', refusal(500, 'ERROR')],
    ['that it knows nobody', refusal(401, 'UNAUTHENTICATED', { reason: 'client_certificate_missing' })],
  ])('are passed over while what answers at their address says %s', async (_, stray) => {
    const { client, path, first, second } = await startCluster();
    await configureProvider(client, path);
    await first.stop();
    const { port } = networkAddressOf(first.kmsUrl);
    const proxy = await startProxyWithoutService(port!, stray);
    expect(await client.restTask('GET', `${path}/kms/providers`)).toEqual([
      { provider: PROVIDER, health: 'OK' },
    ]);
    expect(await client.restTask('GET', `${path}/kms/providers/${PROVIDER}/peer-certs/trusted`)).toEqual({
      certificates: [pki.authority.caPem],
    });
    // Nothing that it answers counts as the change: it gets it when it is back.
    await client.restTask('POST', `${path}/kms/providers/${PROVIDER}/client-certificate`);
    expect(await health(client, path)).toMatchObject({ health: 'ERROR', details: [{ id: BEHIND }, {}, {}] });
    await proxy.close();

    const back = await startAgain(first);
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await health(client, path)).not.toMatchObject({ details: [{ id: BEHIND }] });
    expect(await back.kms.providers.clientCertificate(PROVIDER)).toEqual(
      await second.kms.providers.clientCertificate(PROVIDER),
    );
  });

  it('tell a refusal as they meant it, whether or not it has a reason of the catalogue', async () => {
    const { client, path } = await startCluster();
    const { root, issuing } = pki.vendor;
    const chain = { name: 'wrong-order', cert_chain: { cert_chain: [issuing.caPem, root.caPem] } };
    const error: unknown = await client
      .restTask('POST', `${path}/attestation/tpm2/ca-certificates`, chain)
      .catch((refused: unknown) => refused);
    expect(error).toMatchObject({ status: 400, body: { error_type: 'INVALID_ARGUMENT' } });
    expect(String(error)).toContain('ta-1: cert_chain: the first certificate is not a root');
  });

  it('are made alike again after the vCenter was killed amid a change', async () => {
    const { vc, client, cluster, path, first, second } = await startCluster();
    await configureProvider(client, path);
    await vc.service.stop();
    // The first member has made the change, and nobody else knows of it.
    await first.kms.providers.createClientCertificate(PROVIDER);
    const inventory = new VcenterStore(vc.context.dataDir);
    const { body } = inventory.entities().find(({ moid }) => moid === cluster)!;
    const entity = JSON.parse(body) as ClusterEntity;
    const trustAuthority = { ...entity.trustAuthority, changing: true };
    inventory.putEntity(cluster, entity.type, entity.parent, JSON.stringify({ ...entity, trustAuthority }));
    inventory.close();
    const { client: restarted } = await vc.restart();
    await restarted.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await health(restarted, path)).toEqual({ health: 'OK', details: [] });
    expect(await first.kms.providers.clientCertificate(PROVIDER)).toEqual(
      await second.kms.providers.clientCertificate(PROVIDER),
    );
  });

  it('show one certificate though the vCenter was killed while it made the provider', async () => {
    const { vc, client, path, first, second } = await startCluster();
    await second.stop();
    const silent = await startSilentService(networkAddressOf(second.kmsUrl).port!);
    const made = client.restTask('POST', `${path}/kms/providers`, providerSpec());
    await silent.asked;
    const killed = `${vc.context.dataDir}.killed`;
    onTestFinished(() => rm(killed, { recursive: true }));
    await cp(vc.context.dataDir, killed, { recursive: true });
    await silent.close();
    await made;
    const back = await startAgain(second);
    await vc.service.stop();
    await rm(vc.context.dataDir, { recursive: true });
    await cp(killed, vc.context.dataDir, { recursive: true });

    const { client: restarted } = await vc.restart();
    await restarted.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await back.kms.providers.clientCertificate(PROVIDER)).toEqual(
      await first.kms.providers.clientCertificate(PROVIDER),
    );
  });

  it('are made alike again after a change that none of them answered, and one made', async () => {
    const { client, path, first, second } = await startCluster();
    const operation = 'attestation.tpm2.settings.update';
    first.context.faults.add({ operation, count: 1, action: { kind: 'truncate' } });
    second.context.faults.add({ operation, count: 1, action: { kind: 'reset' } });
    const change = { require_endorsement_keys: true };
    await expect(client.restTask('PATCH', `${path}/attestation/tpm2/settings`, change)).rejects.toThrow();
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    const [one, other] = await Promise.all(
      [first, second].map(({ attestation }) => attestation.settings.get()),
    );
    expect(one).toEqual(other);
  });

  it('are made alike where one had something else of the name', async () => {
    const { client, path, first, second } = await startCluster();
    const { root, issuing, revoked } = pki.vendor;
    const chainOf = (certificate: { readonly caPem: string }) => ({
      name: 'another',
      cert_chain: { cert_chain: [root.caPem, certificate.caPem] },
    });
    await first.attestation.caCertificates.create(chainOf(revoked));
    await client.restTask('POST', `${path}/attestation/tpm2/ca-certificates`, chainOf(issuing));
    for (const { attestation } of [first, second]) {
      expect(await attestation.caCertificates.get('another')).toEqual(chainOf(issuing));
    }
    expect(await client.restTask('GET', `${path}/attestation/service-status`)).toMatchObject({
      health: 'OK',
    });
  });

  it('are not replaced while their cluster is being enabled', async () => {
    const { client, cluster, path, first, second } = await startCluster();
    await client.restTask('PATCH', path, { state: 'DISABLE' });
    await second.stop();
    const silent = await startSilentService(networkAddressOf(second.kmsUrl).port!);
    const enabled = client.restTask('PATCH', path, { state: 'ENABLE' }).catch(() => undefined);
    await silent.asked;
    const members = `/api/kpsim/vcenter/clusters/${cluster}/trust-authority`;
    const put = client.rest('PUT', members, membersOf(pki, [first]));
    const isSettled = vi.fn();
    void put.then(isSettled, isSettled);
    await client.rest('GET', members);
    expect(isSettled).not.toHaveBeenCalled();
    await silent.close();
    await Promise.all([enabled, put]);
    expect(await client.rest('GET', members)).toMatchObject({
      state: 'DISABLE',
      members: [{ name: 'ta-1' }],
    });
  });

  it('catch up without what is kept of a provider that is gone', async () => {
    const { client, cluster, path, first, second } = await startCluster();
    await configureProvider(client, path);
    for (const { kms } of [first, second]) await kms.providers.delete(PROVIDER);
    await client.restTask('PATCH', path, { state: 'DISABLE' });
    const third = await startMember();
    const members = `/api/kpsim/vcenter/clusters/${cluster}/trust-authority`;
    await client.rest('PUT', members, membersOf(pki, [first, second, third]));
    await client.restTask('PATCH', path, { state: 'ENABLE' });
    expect(await client.rest('GET', members)).toMatchObject({ current: ['ta-1', 'ta-2', 'ta-3'] });
    await expect(client.restTask('DELETE', `${path}/kms/providers/${PROVIDER}`)).rejects.toThrow(/provider/);
  });
});
