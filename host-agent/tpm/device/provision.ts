import { ENDORSEMENT_KEYS, TPMA_NV } from '../../../wire/tpm2/index.js';
import type { EkAlgorithm, TpmtPublic } from '../../../wire/tpm2/index.js';
import { issueEkCertificate } from '../ek-certificate.js';
import type { EkCertificateProfile, EkIssuer, TpmIdentity } from '../ek-certificate.js';
import type { TpmClient } from '../tpm-client.js';

/** How a TPM is provisioned by its maker. */
export interface ProvisionOptions {
  /** Who signs the endorsement certificates: the issuing authority of a `TpmVendor`. */
  readonly ekCa: EkIssuer;
  /** Endorsement keys that are made and certified; RSA 2048 and P-256 by default. */
  readonly endorsementKeys?: readonly EkAlgorithm[];
  /** How the certificates differ from proper ones; false: none is issued. */
  readonly certificate?: EkCertificateProfile | false;
  /** The certificates are issued for these keys instead of the TPM's own. */
  readonly certifiedKeys?: Readonly<Partial<Record<EkAlgorithm, TpmtPublic>>>;
  readonly identity?: Partial<TpmIdentity>;
}

/** What the TPM says it is (own choice). */
export const TPM_IDENTITY: TpmIdentity = {
  manufacturer: 'KPSI',
  model: 'kpsim',
  firmwareVersion: 0x0001000000000000n,
};

/** The endorsement keys that a TPM has unless told. */
export const DEFAULT_ENDORSEMENT_KEYS: readonly EkAlgorithm[] = ['rsa2048', 'p256'];

/** Attributes of the index of an endorsement certificate: 0x62072001 once it is written, as swtpm_setup makes it. */
const CERTIFICATE_INDEX_ATTRIBUTES =
  TPMA_NV.PPWRITE |
  TPMA_NV.WRITEDEFINE |
  TPMA_NV.PPREAD |
  TPMA_NV.OWNERREAD |
  TPMA_NV.AUTHREAD |
  TPMA_NV.NO_DA;

/**
 * Does what a TPM's maker does with any TPM, through its commands: makes the endorsement keys persistent and writes
 * their certificates into NV memory. The TPM must be started and have no such keys or certificates yet.
 *
 * @throws TpmError if the TPM refuses, for example TPM_RC_NV_DEFINED because it was provisioned before
 */
export async function provision(client: TpmClient, options: ProvisionOptions): Promise<void> {
  const identity = { ...TPM_IDENTITY, ...options.identity };
  for (const algorithm of options.endorsementKeys ?? DEFAULT_ENDORSEMENT_KEYS) {
    const { publicArea } = await client.ensureEk(algorithm);
    if (options.certificate === false) continue;
    const certified = options.certifiedKeys?.[algorithm] ?? publicArea;
    const certificate = await issueEkCertificate(options.ekCa, certified, identity, options.certificate);
    const { certificateNvIndex } = ENDORSEMENT_KEYS[algorithm];
    await client.nvStore('PLATFORM', certificateNvIndex, CERTIFICATE_INDEX_ATTRIBUTES, certificate);
  }
}
