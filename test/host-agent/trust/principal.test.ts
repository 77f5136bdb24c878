import { afterAll, beforeAll, expect, it } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { shownCertificate } from '../../../core/pki/index.js';
import type { TrustedServicesSpec } from '../../../host-agent/client.js';
import { EndorsementPool } from '../../../host-agent/tpm/index.js';
import type { TestKms } from '../../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import {
  makeProvider,
  newPrimaryKey,
  refusedPort,
  startKeyServer,
} from '../../trust-authority/key-provider.js';
import { TestSts, VPXD } from '../../trust-authority/sts.js';
import type { RunningHost, Site } from '../hosts.js';
import { faultOf, makeSafe, startHost } from '../hosts.js';

const PROVIDER = 'tkp-1';
const TRUSTED_KEY = { keyId: '', providerId: { id: PROVIDER } };

const clock = new AdjustableClock();
const endorsementPool = new EndorsementPool();
let pki: TrustPki;
let site: Site;
let sts: TestSts;
let keyServer: TestKms;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  sts = await TestSts.create();
  site = { ca: pki.authority, administrator: await pki.authority.issueClient({ commonName: 'vc-test' }) };
  keyServer = await startKeyServer(pki);
  ta = await startTrustAuthority(pki, { kms: { requirePrincipal: true } }, { clock });
  await ta.kms.principals.create(sts.spec());
  const masterKeyId = await newPrimaryKey(keyServer.client());
  await makeProvider(ta, { provider: PROVIDER, masterKeyId, ports: [keyServer.port] });
});

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

function service(address: string): TrustedServicesSpec['kms'][number] {
  return { address, trusted_CA: pki.authority.caPem, group: 'group-1' };
}

/** A host in safe mode with a TPM, and its TLS certificate as its vCenter sees it. */
async function safeHost(): Promise<RunningHost & { readonly certificatePem: string }> {
  const host = await startHost(
    site,
    { tpm: 'software' },
    { context: { clock }, parts: { tpmVendor: pki.vendor, endorsementPool } },
  );
  await makeSafe(host.client);
  const { hostname, port } = new URL(host.url);
  const certificatePem = await shownCertificate({ host: hostname, port: Number(port), timeoutMs: 5000 });
  return { ...host, certificatePem };
}

function tokenFor(certificatePem: string, name = VPXD.id.name): string {
  const principal = { ...VPXD, id: { ...VPXD.id, name } };
  return sts.token({ certificatePem, privateKeyPem: '', chainPem: '' }, { principal, nowMs: clock.now() });
}

function services(principal: string | undefined, kms = [service(ta.kmsUrl)]): TrustedServicesSpec {
  return {
    attestation: [service(ta.attestationUrl)],
    kms,
    providers: [PROVIDER],
    ...(principal !== undefined && { principal }),
  };
}

function newVm({ client }: Pick<RunningHost, 'client'>): Promise<{ readonly id: string }> {
  return client.createVm({
    name: 'secret',
    datastore: 'datastore1',
    disks: [],
    encryption: { key: TRUSTED_KEY },
  });
}

it('A host shows the principal token that its vCenter handed over, also after a restart', async () => {
  const host = await safeHost();
  await host.client.setTrustedServices(services(tokenFor(host.certificatePem)));
  const { id } = await newVm(host);
  const again = await host.restart();
  await again.client.powerOn(id);
  expect((await again.client.vm(id)).cryptoState).toBe('unlocked');
});

it.each([
  ['has no token', () => undefined, 'principal_token_invalid'],
  ['has the token of another host', () => tokenFor(pki.otherHost.certificatePem), 'principal_token_invalid'],
  ['works for somebody else', (own: string) => tokenFor(own, 'other'), 'principal_not_entitled'],
] as const)(
  'A host that attested but %s gets no key, and the fault says why',
  async (_what, token, reason) => {
    const host = await safeHost();
    await host.client.setTrustedServices(services(token(host.certificatePem)));
    const fault = await faultOf(newVm(host));
    expect(fault.faultMessage[0]!.key).toBe(`kpsim.key.${reason}`);
    expect((await host.client.attestationInfo()).status).toBe('attested');
  },
);

it('A renewed token is used at once, and costs the host no report', async () => {
  const host = await safeHost();
  await host.client.setTrustedServices(services(undefined));
  const { info } = await host.client.attest();
  const renewed = services(tokenFor(host.certificatePem));
  await host.client.setTrustedServices(renewed);
  expect(await host.client.attestationInfo()).toEqual(info);
  await expect(newVm(host)).resolves.toBeDefined();
  expect(await host.client.trustedServices()).toEqual(renewed);
});

it('A host passes over a key provider service whose key server is down', async () => {
  await using other = await startTrustAuthority(pki, {}, { clock });
  const { masterKeyId, port } = { masterKeyId: 'away', port: await refusedPort() };
  await makeProvider(other, { provider: PROVIDER, masterKeyId, ports: [port], connectionTimeout: 1 });
  await other.kms.attestationServices.register({
    address: { hostname: '127.0.0.1', port: Number(new URL(ta.attestationUrl).port) },
    trusted_CA: { cert_chain: [pki.authority.caPem] },
    group: 'group-1',
  });
  const host = await safeHost();
  const kms = [service(other.kmsUrl), service(ta.kmsUrl)];
  await host.client.setTrustedServices(services(tokenFor(host.certificatePem), kms));
  await expect(newVm(host)).resolves.toBeDefined();
  const outcomes = other.context.journal
    .entries()
    .filter(({ operation }) => operation === 'kms.generate_key');
  expect(outcomes).toMatchObject([{ outcome: 'key_server_unavailable' }]);
});

it('A token that is none is refused when it is handed over, and no token is written into the journal', async () => {
  const host = await safeHost();
  await expect(host.client.setTrustedServices(services('no token'))).rejects.toMatchObject({
    message: expect.stringContaining('principal') as string,
  });
  const token = tokenFor(host.certificatePem);
  await host.client.setTrustedServices(services(token));
  const journal = JSON.stringify(host.context.journal.entries());
  expect(journal).toContain('SetTrustedServices');
  expect(journal).not.toContain(token.slice(-40));
});
