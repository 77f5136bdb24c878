import { createServer } from 'node:net';
import { once } from 'node:events';

import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { endpointNamed } from '../../../core/lifecycle.js';
import type { HostAgentConfigInput } from '../../../host-agent/index.js';
import { HostAgentService, TPM_ENDPOINT, hostAgentConfigSchema } from '../../../host-agent/index.js';
import { EndorsementPool, SwtpmTransport, TpmClient } from '../../../host-agent/tpm/index.js';
import type { TpmKind } from '../../../host-agent/tpm/index.js';
import { createContext } from '../../../core/context.js';
import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import { makeTrustPki, startTrustAuthority } from '../../trust-authority/harness.js';
import type { RunningHost, Site } from '../hosts.js';
import { scratchDir, startHost } from '../hosts.js';

/** A host with a TPM, told of an attestation service that knows its maker. */
export type AttestingHost = (
  config?: Partial<HostAgentConfigInput>,
  dataDir?: string,
) => Promise<RunningHost>;

/**
 * What a host does with a TPM of either kind, against a real attestation service.
 *
 * @param more further tests, given a way to make hosts
 */
export function hostTpmSuite(kind: TpmKind, more: (attestingHost: AttestingHost) => void): void {
  const clock = new AdjustableClock();
  const endorsementPool = new EndorsementPool();
  let pki: TrustPki;
  let site: Site;
  let ta: TestTrustAuthority;

  beforeAll(async () => {
    pki = await makeTrustPki();
    const { authority } = pki;
    site = { ca: authority, administrator: await authority.issueClient({ commonName: 'vc-test' }) };
    ta = await startTrustAuthority(pki, {}, { clock });
  });

  afterAll(async () => {
    await ta[Symbol.asyncDispose]();
  });

  const attestingHost: AttestingHost = async (config = {}, dataDir) => {
    const host = await startHost(
      site,
      { tpm: kind, ekAlgorithm: 'p256', ...config },
      {
        context: { clock, dataDir: dataDir ?? (await scratchDir()) },
        parts: { tpmVendor: pki.vendor, endorsementPool },
      },
    );
    const attestation = [{ address: ta.attestationUrl, trusted_CA: pki.authority.caPem, group: 'group-1' }];
    await host.client.setTrustedServices({ attestation, kms: [], providers: [] });
    return host;
  };

  /** The reason of a refusal; undefined if the host is attested now. */
  async function reasonOf({ client }: RunningHost): Promise<string | undefined> {
    return (await client.attest(true)).appraisals[0]!.reason;
  }

  it.each(['rsa2048', 'p256'] as const)('attests with its %s endorsement key', async (ekAlgorithm) => {
    const host = await attestingHost({ ekAlgorithm });
    expect(await reasonOf(host)).toBeUndefined();
    await host.client.reboot();
    expect(await reasonOf(host)).toBeUndefined();
  });

  it('is the same host with the same TPM after a restart of the agent', async () => {
    const host = await attestingHost();
    const { endorsementKeyBase64 } = await host.client.tpmEndorsement();
    expect(await reasonOf(host)).toBeUndefined();
    const again = await host.restart();
    expect((await again.client.tpmEndorsement()).endorsementKeyBase64).toBe(endorsementKeyBase64);
    expect(await reasonOf(again)).toBeUndefined();
  });

  it.each([
    ['ek-certificate-expired', 'ek_cert_expired'],
    ['ek-certificate-mismatch', 'ek_cert_mismatch'],
    ['ak-of-another-tpm', 'credential_activation_failed'],
    ['ak-exportable', 'ak_attributes'],
    ['measured-not-logged', 'log_replay_mismatch'],
    ['reboot-during-attestation', 'reset_during_attestation'],
    ['startup-locality-3', undefined],
    ['tpm-retry-once', undefined],
  ])('fault %s is found as %s, and is gone after a reboot without it', async (fault, reason) => {
    const host = await attestingHost({ attestationFaults: [fault] });
    expect(await reasonOf(host)).toBe(reason);
    await host.client.setEvidenceFaults([]);
    await host.client.reboot();
    expect(await reasonOf(host)).toBeUndefined();
  });

  it('fault ek-certificate-mismatch: an RSA credential for another key is not opened, and no error', async () => {
    const host = await attestingHost({
      ekAlgorithm: 'rsa2048',
      attestationFaults: ['ek-certificate-mismatch'],
    });
    expect(await reasonOf(host)).toBe('ek_cert_mismatch');
  });

  it('fault tpm-snapshot-restored: the second attestation has a lower reset counter', async () => {
    const host = await attestingHost();
    expect(await reasonOf(host)).toBeUndefined();
    await host.client.setEvidenceFaults(['tpm-snapshot-restored']);
    expect(await reasonOf(host)).toBeUndefined();
    expect(await reasonOf(host)).toBe('reset_count_rollback');
    expect(await reasonOf(host)).toBe('reset_count_rollback');
    await host.client.setEvidenceFaults([]);
    await host.client.reboot();
    expect(await reasonOf(host)).toBeUndefined();
  });

  it('fault challenge-expired: it is found once the challenge that was kept has expired, not before', async () => {
    const host = await attestingHost({ attestationFaults: ['challenge-expired'] });
    expect(await reasonOf(host)).toBeUndefined();
    expect(await reasonOf(host)).toBeUndefined();
    clock.advance(61_000);
    expect(await reasonOf(host)).toBe('challenge_expired');
  });

  it('fault tpm-replaced: the host has another TPM with the next boot', async () => {
    const host = await attestingHost();
    const { endorsementKeyBase64 } = await host.client.tpmEndorsement();
    expect(await reasonOf(host)).toBeUndefined();
    await host.client.setEvidenceFaults(['tpm-replaced']);
    expect(await reasonOf(host)).toBeUndefined();
    await host.client.reboot();
    expect(await reasonOf(host)).toBe('identity_changed');
    expect((await host.client.tpmEndorsement()).endorsementKeyBase64).not.toBe(endorsementKeyBase64);
  });

  it('takes faults of the making that are configured for a host that has a TPM already', async () => {
    const dataDir = await scratchDir();
    const host = await attestingHost({}, dataDir);
    const { certificatePem } = await host.client.tpmEndorsement();
    expect(certificatePem).toBeDefined();
    await host.service.stop();
    const faulty = await attestingHost({ attestationFaults: ['ek-certificate-missing'] }, dataDir);
    expect((await faulty.client.tpmEndorsement()).certificatePem).toBeUndefined();
    const { endorsementKeyBase64 } = await faulty.client.tpmEndorsement();
    const again = await faulty.restart();
    expect((await again.client.tpmEndorsement()).endorsementKeyBase64).toBe(endorsementKeyBase64);
    // Taken back, but the agent restarts before the host boots: the TPM with the fault must not stay.
    await again.client.setEvidenceFaults([]);
    await again.service.stop();
    const sound = await attestingHost({}, dataDir);
    expect((await sound.client.tpmEndorsement()).certificatePem).toBeDefined();
  });

  it('offers its TPM on a port that it tells', async () => {
    const dataDir = await scratchDir();
    const identity = await site.ca.issueServer({ commonName: 'esx-2', ipAddresses: ['127.0.0.1'] });
    const config = hostAgentConfigSchema.parse({
      ...{ name: 'esx-2', tpm: kind, tpmPort: 0, ekAlgorithm: 'p256', administrators: ['vc-test'] },
      tls: { certificatePem: identity.certificatePem, privateKeyPem: identity.privateKeyPem },
      trustedCaPem: site.ca.caPem,
    });
    const service = new HostAgentService(config, createContext({ dataDir }), { tpmVendor: pki.vendor });
    onTestFinished(() => service.stop());
    const endpoint = endpointNamed(await service.start(), TPM_ENDPOINT);
    expect(endpoint.url).toBe(`swtpm:host=127.0.0.1,port=${endpoint.port}`);
    const outside = new SwtpmTransport(endpoint);
    const client = new TpmClient(outside);
    expect(await client.ekCertificate('p256')).toBeDefined();
    const values = await client.pcrRead([{ hashAlg: 'SHA256', pcrs: [14] }]);
    expect(values.get('SHA256')!.get(14)).not.toEqual(Buffer.alloc(32));
    await client.close();
  });

  it('does not start when its TPM port is taken, and says which', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    await expect(attestingHost({ tpmPort: port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(port)) as string,
    });
  });

  more(attestingHost);
}
