import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { EndorsementPool } from '../../../host-agent/tpm/index.js';
import type { HostAgentConfigInput } from '../../../host-agent/index.js';
import type { TrustedServicesSpec } from '../../../host-agent/client.js';
import { presetBaseImage, unpackImgdb } from '../../../wire/esx-image/index.js';
import { parseEventLog } from '../../../wire/tpm2/index.js';
import type { TestKms } from '../../kms/harness.js';
import { startKms } from '../../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import type { RunningHost, Site } from '../hosts.js';
import { faultOf, makeSafe, newMigration, startHost } from '../hosts.js';

const DISK = 2000;
const TRUSTED_KEY = { keyId: '', providerId: { id: 'tkp-1' } };
const UNREACHABLE = 'https://127.0.0.1:9';

const clock = new AdjustableClock();
const endorsementPool = new EndorsementPool();
let pki: TrustPki;
let site: Site;
let keyServer: TestKms;
let ta: TestTrustAuthority;

beforeAll(async () => {
  pki = await makeTrustPki();
  const { authority } = pki;
  site = { ca: authority, administrator: await authority.issueClient({ commonName: 'vc-test' }) };
  keyServer = await startKms({
    authority,
    server: await authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
    east: await authority.issueClient({ commonName: 'vc-east' }),
    west: await authority.issueClient({ commonName: 'vc-west' }),
  });
  ta = await startTrustAuthority(pki, {}, { clock });
  const administrator = keyServer.client();
  const primaryKey = await administrator.create();
  await administrator.activate(primaryKey);
  const { providers } = ta.kms;
  await providers.create({
    provider: 'tkp-1',
    master_key_id: primaryKey,
    key_server: {
      type: 'KMIP',
      kmip_server: { servers: [{ name: 'kms-1', address: { hostname: '127.0.0.1', port: keyServer.port } }] },
    },
  });
  const identity = await authority.issueClient({ commonName: 'tkp-1' });
  await providers.setClientCertificate('tkp-1', {
    certificate: identity.certificatePem,
    private_key: identity.privateKeyPem,
  });
  await providers.setServerCertificates('tkp-1', [authority.caPem]);
});

afterAll(async () => {
  await ta[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

function service(address: string): TrustedServicesSpec['kms'][number] {
  return { address, trusted_CA: pki.authority.caPem, group: 'group-1' };
}

/** A host in safe mode with a TPM, told of the Trust Authority. */
async function trustedHost(
  config: Partial<HostAgentConfigInput> = {},
  services: Partial<TrustedServicesSpec> = {},
): Promise<RunningHost> {
  const host = await startHost(
    site,
    { tpm: 'software', ...config },
    { context: { clock }, parts: { tpmVendor: pki.vendor, endorsementPool } },
  );
  await makeSafe(host.client);
  await host.client.setTrustedServices({
    attestation: [service(ta.attestationUrl)],
    kms: [service(ta.kmsUrl)],
    providers: ['tkp-1'],
    ...services,
  });
  return host;
}

async function trustedVm({ client }: RunningHost): Promise<string> {
  const { id } = await client.createVm({
    name: 'secret',
    datastore: 'datastore1',
    disks: [{ capacityBytes: 65_536 }],
    encryption: { key: TRUSTED_KEY },
  });
  return id;
}

describe('a host with a TPM', () => {
  it('attests, and says where and until when', async () => {
    const { client } = await trustedHost();
    const before = await client.attestationInfo();
    const { info, appraisals } = await client.attest();
    expect(before.status).toBe('unknown');
    expect(info).toMatchObject({ status: 'attested', serviceId: ta.attestationUrl, messages: [] });
    expect(Date.parse(info.attestedUntil!) - Date.parse(info.attestedAt!)).toBe(8 * 3_600_000);
    expect(appraisals).toHaveLength(1);
    expect(appraisals[0]!.steps.every(({ status }) => status !== 'failed')).toBe(true);
    expect((await client.about()).attestation.status).toBe('attested');
  });

  it('shows its endorsement key, its event log and its image', async () => {
    const { client } = await trustedHost();
    const endorsement = await client.tpmEndorsement();
    expect(endorsement.issuersPem).toEqual([pki.vendor.root.caPem, pki.vendor.issuing.caPem]);
    expect(parseEventLog(await client.tpmEventLog()).events.length).toBeGreaterThan(100);
    const image = await unpackImgdb(await client.bootImgdb());
    expect(image).toEqual(presetBaseImage('8.0.3'));
  });

  it('keeps its TPM over a restart of the agent', async () => {
    const host = await trustedHost();
    const before = await host.client.tpmEndorsement();
    await host.client.attest();
    const { client } = await host.restart();
    expect((await client.tpmEndorsement()).endorsementKeyBase64).toBe(before.endorsementKeyBase64);
    expect((await client.attest()).info.status).toBe('attested');
  });

  it('asks the next attestation service when one cannot be reached', async () => {
    const { client } = await trustedHost(
      {},
      { attestation: [service(UNREACHABLE), service(ta.attestationUrl)] },
    );
    const { info, appraisals } = await client.attest();
    expect(info.status).toBe('attested');
    expect(appraisals.map(({ attested, reason }) => [attested, reason])).toEqual([
      [false, 'attestation_service_unreachable'],
      [true, undefined],
    ]);
  });

  it('attests again only when it is told to, or its report is about to expire', async () => {
    const { client } = await trustedHost();
    const first = await client.attest();
    const same = await client.attest();
    expect(same.info.attestedUntil).toBe(first.info.attestedUntil);
    clock.advance(8 * 3_600_000 - 60_000);
    const renewed = await client.attest();
    expect(Date.parse(renewed.info.attestedUntil!)).toBeGreaterThan(Date.parse(first.info.attestedUntil!));
  });

  it('is not attested any more once its report has expired', async () => {
    const { client } = await trustedHost();
    await client.attest();
    clock.advance(8 * 3_600_000 + 1000);
    expect((await client.attestationInfo()).status).toBe('notAttested');
  });
});

describe('a VM of a trusted provider', () => {
  it('is encrypted with a key that the host asked for, and powers on after a reboot without a vCenter', async () => {
    const host = await trustedHost();
    const { client } = host;
    const vmId = await trustedVm(host);
    await client.powerOn(vmId);
    await client.guestWrite(vmId, DISK, 0, Buffer.alloc(512, 7));
    await client.reboot();
    await client.powerOn(vmId);

    const { keyId } = await client.vm(vmId);
    expect(keyId?.providerId?.id).toBe('tkp-1');
    expect(keyId?.keyId.length).toBeGreaterThan(40);
    expect(await client.guestRead(vmId, DISK, 0, 512)).toEqual(Buffer.alloc(512, 7));
    expect(await client.listKeys()).toHaveLength(0);
  });

  it('moves to another attested host, which asks for the key itself', async () => {
    const source = await trustedHost({ name: 'esx-t1' });
    const destination = await trustedHost({ name: 'esx-t2' });
    const vmId = await trustedVm(source);
    await source.client.powerOn(vmId);
    const digest = await source.client.guestDiskDigest(vmId, DISK);
    const spec = newMigration(vmId);
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await source.client.startSend(spec, ready);
    await destination.client.commitReceive(spec.migrationId);
    await source.client.commitSend(spec.migrationId);
    expect(await destination.client.guestDiskDigest(vmId, DISK)).toBe(digest);
  });

  it('cannot come to a host that is not attested (TKP-1)', async () => {
    const source = await trustedHost({ name: 'esx-t1' });
    const destination = await trustedHost({ name: 'esx-t2', attestationFaults: ['module-replaced'] });
    const vmId = await trustedVm(source);
    const fault = await faultOf(
      destination.client.prepareReceive(newMigration(vmId), await source.client.vm(vmId)),
    );
    expect(fault.fault).toBe('EncryptionKeyRequired');
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.base_image_not_trusted');
    expect(fault.message).toContain('base_image_not_trusted');
  });

  it('goes on running on a host that fails to attest, and is not powered on there again (EXT-5)', async () => {
    const host = await trustedHost();
    const { client } = host;
    const vmId = await trustedVm(host);
    await client.powerOn(vmId);
    await client.setEvidenceFaults(['signature-bit-flip']);
    const { info, appraisals } = await client.attest(true);

    expect(info.status).toBe('notAttested');
    expect(appraisals[0]!.reason).toBe('bad_signature');
    expect(await client.guestRead(vmId, DISK, 0, 512)).toHaveLength(512);
    await client.powerOff(vmId);
    const fault = await faultOf(client.powerOn(vmId));
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.bad_signature');
    expect((await client.vm(vmId)).cryptoState).toBe('locked');
    expect(host.service.health().status).toBe('degraded');

    await client.setEvidenceFaults([]);
    await client.attest(true);
    expect((await client.vm(vmId)).cryptoState).toBe('unlocked');
  });

  it('waits for a key provider service, and names the one that cannot be reached', async () => {
    const { client } = await trustedHost({}, { kms: [service(UNREACHABLE)] });
    const fault = await faultOf(
      client.createVm({
        name: 'x',
        datastore: 'datastore1',
        disks: [],
        encryption: { key: TRUSTED_KEY },
      }),
    );
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.key_provider_service_unreachable');
    expect(fault.message).toContain(UNREACHABLE);
  });

  it.each([
    ['something else', 200, '{}'],
    ['a redirect', 302, ''],
    ['a page', 200, '<h1>Welcome</h1>'],
  ])('gets its key from the next key provider service where %s answers in place of one', async (...of) => {
    const [, status, body] = of;
    const { certificatePem: cert, privateKeyPem: key } = pki.server;
    const stray = createServer({ cert, key }, (_, response) => response.writeHead(status).end(body));
    onTestFinished(() => {
      stray.closeAllConnections();
      stray.close();
    });
    await once(stray.listen(0, '127.0.0.1'), 'listening');
    const url = `https://127.0.0.1:${(stray.address() as AddressInfo).port}`;
    const host = await trustedHost({}, { kms: [service(url), service(ta.kmsUrl)] });
    await host.client.powerOn(await trustedVm(host));
  });

  it('needs an attestation service of the same group', async () => {
    const { client } = await trustedHost(
      {},
      { attestation: [{ ...service(ta.attestationUrl), group: 'other' }] },
    );
    const [status] = await client.getCryptoKeyStatus([{ keyId: 'any', providerId: { id: 'tkp-1' } }]);
    expect(status).toMatchObject({ present: false, reason: 'KeyStateManagedByTrustAuthority' });
    const fault = await faultOf(
      client.createVm({ name: 'x', datastore: 'datastore1', disks: [], encryption: { key: TRUSTED_KEY } }),
    );
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.attestation_service_missing');
  });

  it('is not made on a host without a TPM', async () => {
    const { client } = await trustedHost({ tpm: 'none' });
    const { info } = await client.attest();
    expect(info.status).toBe('notAttested');
    expect(info.messages[0]).toContain('TPM 2.0');
  });
});

describe('faults of a host', () => {
  it.each([
    ['ek-certificate-expired', 'ek_cert_expired'],
    ['ek-ca-untrusted', 'ek_ca_untrusted'],
    ['ek-certificate-mismatch', 'ek_cert_mismatch'],
    ['ak-of-another-tpm', 'credential_activation_failed'],
    ['ak-not-restricted', 'ak_not_restricted_signing'],
    ['nonce-mismatch', 'nonce_mismatch'],
    ['pcr-value-swapped', 'pcr_digest_mismatch'],
    ['log-event-dropped', 'log_replay_mismatch'],
    ['secure-boot-disabled', 'secure_boot_disabled'],
    ['tpm-lockout', 'tpm_unavailable'],
    ['tpm-failure-mode', 'tpm_unavailable'],
  ])('%s is found as %s', async (fault, reason) => {
    const { client } = await trustedHost({ attestationFaults: [fault] });
    const { info, appraisals } = await client.attest();
    expect(info.status).toBe('notAttested');
    expect(appraisals[0]!.reason).toBe(reason);
  });

  it.each(['startup-locality-3', 'tpm-retry-once'])('%s does not keep it from attesting', async (fault) => {
    const { client } = await trustedHost({ attestationFaults: [fault] });
    expect((await client.attest()).info.status).toBe('attested');
  });

  it('gives the host another TPM with the next boot', async () => {
    const { client } = await trustedHost();
    await client.attest();
    await client.setEvidenceFaults(['tpm-replaced']);
    expect((await client.attest(true)).info.status).toBe('attested');
    await client.reboot();
    expect((await client.attest()).appraisals[0]!.reason).toBe('identity_changed');
  });

  it('refuses a fault that it does not know, and keeps those that it has', async () => {
    const { client } = await trustedHost({ attestationFaults: ['nonce-mismatch'] });
    await expect(client.setEvidenceFaults(['no-such-fault'])).rejects.toMatchObject({
      type: 'INVALID_ARGUMENT',
    });
    expect(await client.evidenceFaults()).toEqual(['nonce-mismatch']);
  });
});
