import { AdjustableClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import type { ServiceContext } from '../../core/context.js';
import { makeDataDir } from '../../core/data-dir.js';
import { endpointNamed } from '../../core/lifecycle.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import { AttestationClient, KeyProviderServiceClient } from '../../trust-authority/client.js';
import { TrustAuthorityService, trustAuthorityConfig } from '../../trust-authority/index.js';
import type { TrustAuthorityConfigInput } from '../../trust-authority/index.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import { TestHost } from './test-host.js';
import type { TestHostOptions } from './test-host.js';

/** What the tests of one file share: an authority, identities, a maker of TPMs. */
export interface TrustPki {
  readonly authority: CertificateAuthority;
  readonly server: KeyAndCertificate;
  readonly administrator: KeyAndCertificate;
  readonly host: KeyAndCertificate;
  readonly otherHost: KeyAndCertificate;
  readonly vendor: TpmVendor;
}

/** Makes {@link TrustPki}. */
export async function makeTrustPki(): Promise<TrustPki> {
  const authority = await CertificateAuthority.create({ commonName: 'test CA' });
  const [server, administrator, host, otherHost, vendor] = await Promise.all([
    authority.issueServer({ commonName: 'ta-1', ipAddresses: ['127.0.0.1'] }),
    authority.issueClient({ commonName: 'vc-ta' }),
    authority.issueClient({ commonName: 'esx-1' }),
    authority.issueClient({ commonName: 'esx-2' }),
    createTpmVendor(),
  ]);
  return { authority, server, administrator, host, otherHost, vendor };
}

/** A running Trust Authority. */
export interface TestTrustAuthority extends AsyncDisposable {
  readonly service: TrustAuthorityService;
  readonly context: ServiceContext;
  readonly clock: AdjustableClock;
  readonly pki: TrustPki;
  readonly attestationUrl: string;
  readonly kmsUrl: string;
  /** As administrator. */
  readonly attestation: AttestationClient;
  readonly kms: KeyProviderServiceClient;
  /** As a host. */
  kmsAs(identity: KeyAndCertificate): KeyProviderServiceClient;
  bootHost(options?: Partial<TestHostOptions>): Promise<TestHost>;
  /** Stops the service; its files stay until disposal. */
  stop(): Promise<void>;
}

/** Starts a Trust Authority that trusts the TPM vendor (with its revocation list) and ESXi 8.0.3. */
export async function startTrustAuthority(
  pki: TrustPki,
  config: Partial<TrustAuthorityConfigInput> = {},
  overrides: Partial<ServiceContext> & { readonly clock?: AdjustableClock } = {},
): Promise<TestTrustAuthority> {
  const temporary = await makeDataDir();
  const clock = overrides.clock ?? new AdjustableClock();
  const context = createContext({ dataDir: temporary.path, ...overrides, clock });
  const service = new TrustAuthorityService(
    trustAuthorityConfig.parse({
      tls: { certificatePem: pki.server.certificatePem, privateKeyPem: pki.server.privateKeyPem },
      trustedCaPem: pki.authority.caPem,
      administrators: ['vc-ta'],
      initial: await trustingInitial(pki),
      ...config,
      // Many hosts of these tests share one certificate.
      attestation: { hostIdsPerCertificate: 10_000, ...config.attestation },
    }),
    context,
  );
  const endpoints = await service.start();
  const attestationUrl = endpointNamed(endpoints, 'attestation').url;
  const kmsUrl = endpointNamed(endpoints, 'kms').url;
  const caPem = pki.authority.caPem;
  const closers: (() => Promise<void>)[] = [];
  const closing = <T extends { close(): Promise<void> }>(client: T): T => {
    closers.push(() => client.close());
    return client;
  };
  const kmsAs = (clientCertificate: KeyAndCertificate): KeyProviderServiceClient =>
    closing(new KeyProviderServiceClient({ baseUrl: kmsUrl, caPem, clientCertificate }));
  const stop = async (): Promise<void> => {
    await Promise.all(closers.splice(0).map((close) => close()));
    await service.stop();
  };
  return {
    service,
    context,
    clock,
    pki,
    attestationUrl,
    kmsUrl,
    attestation: closing(
      new AttestationClient({ baseUrl: attestationUrl, caPem, clientCertificate: pki.administrator }),
    ),
    kms: kmsAs(pki.administrator),
    kmsAs,
    async bootHost(options = {}) {
      const host = await TestHost.boot({
        vendor: pki.vendor,
        certificate: pki.host,
        baseUrl: attestationUrl,
        caPem,
        clock,
        ...options,
      });
      closing(host.client);
      return host;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await temporary.remove();
    },
  };
}

/** Trusts the TPM vendor and ESXi 8.0.3. */
export async function trustingInitial(
  pki: TrustPki,
): Promise<NonNullable<TrustAuthorityConfigInput['initial']>> {
  const { vendor } = pki;
  const imgdb = await packImgdb(presetBaseImage('8.0.3'));
  return {
    caCertificates: [
      {
        name: 'tpm-vendor',
        cert_chain: { cert_chain: [vendor.root.caPem, vendor.issuing.caPem] },
        crls: [vendor.crlPem],
      },
      {
        name: 'tpm-vendor-revoked',
        cert_chain: { cert_chain: [vendor.root.caPem, vendor.revoked.caPem] },
        crls: [vendor.crlPem],
      },
    ],
    baseImages: [imgdb.toString('base64')],
  };
}
