import { randomBytes } from 'node:crypto';
import { ENDORSEMENT_KEYS, TPMA_NV, TPM_RH } from '../../wire/tpm2/index.js';
import type { EkAlgorithm, HashAlgorithm, TpmtPublic } from '../../wire/tpm2/index.js';
import { primaryKey } from './commands/create-primary.js';
import { issueEkCertificate } from './ek-certificate.js';
import type { EkCertificateProfile, EkIssuer, TpmIdentity } from './ek-certificate.js';
import { prepareEndorsement } from './endorsement-pool.js';
import type { EndorsementPool } from './endorsement-pool.js';
import { newPermanentState } from './permanent-state.js';
import type { PermanentState } from './permanent-state.js';
import { SoftwareTpm, SoftwareTpmTransport } from './software-tpm.js';
import type { SoftwareTpmOptions } from './software-tpm.js';
import { TpmClient } from './tpm-client.js';

/** How a TPM is made. */
export interface ManufactureOptions extends SoftwareTpmOptions {
  /** Who signs the endorsement certificates: the issuing authority of a `TpmVendor`. */
  readonly ekCa: EkIssuer;
  /** PCR banks; SHA-1, SHA-256 and SHA-384 by default. */
  readonly banks?: readonly HashAlgorithm[];
  /** Endorsement keys that are made and certified; RSA 2048 and P-256 by default. */
  readonly endorsementKeys?: readonly EkAlgorithm[];
  /** How the certificates differ from proper ones; false: none is issued. */
  readonly certificate?: EkCertificateProfile | false;
  /** The certificates are issued for these keys instead of the TPM's own. */
  readonly certifiedKeys?: Readonly<Partial<Record<EkAlgorithm, TpmtPublic>>>;
  /** The same seed gives the same endorsement keys; 64 bytes, secret. Random by default. */
  readonly endorsementSeed?: Buffer;
  /** Endorsements made ahead; used if no seed is given and an RSA key is wanted. */
  readonly pool?: EndorsementPool;
  readonly identity?: Partial<TpmIdentity>;
}

/** What the TPM says it is (own choice). */
const IDENTITY: TpmIdentity = { manufacturer: 'KPSI', model: 'kpsim', firmwareVersion: 0x0001000000000000n };

const DEFAULT_BANKS: readonly HashAlgorithm[] = ['SHA1', 'SHA256', 'SHA384'];
const DEFAULT_KEYS: readonly EkAlgorithm[] = ['rsa2048', 'p256'];
const SEED_BYTES = 64;

/** Attributes of the index of an endorsement certificate: 0x62072001 once it is written, as swtpm makes it. */
const CERTIFICATE_INDEX_ATTRIBUTES =
  TPMA_NV.PPWRITE |
  TPMA_NV.WRITEDEFINE |
  TPMA_NV.PPREAD |
  TPMA_NV.OWNERREAD |
  TPMA_NV.AUTHREAD |
  TPMA_NV.NO_DA;

/**
 * Makes a TPM: seeds, persistent endorsement keys, their certificates in NV memory. It comes powered on and waits for
 * `TPM2_Startup`, with all counters at zero.
 */
export async function manufacture(options: ManufactureOptions): Promise<SoftwareTpm> {
  const identity = { ...IDENTITY, ...options.identity };
  const keys = options.endorsementKeys ?? DEFAULT_KEYS;
  const permanent = await endorsedState(options, identity, keys);
  const tpm = new SoftwareTpm(permanent, options);
  const client = new TpmClient(new SoftwareTpmTransport(tpm));
  await client.startup();
  for (const algorithm of keys) {
    const { publicArea } = await client.ensureEk(algorithm);
    if (options.certificate === false) continue;
    const certified = options.certifiedKeys?.[algorithm] ?? publicArea;
    const certificate = await issueEkCertificate(options.ekCa, certified, identity, options.certificate);
    const { certificateNvIndex } = ENDORSEMENT_KEYS[algorithm];
    await client.nvStore('PLATFORM', certificateNvIndex, CERTIFICATE_INDEX_ATTRIBUTES, certificate);
  }
  await client.shutdown();
  tpm.reset();
  permanent.resetCount = 0;
  permanent.clockMs = 0;
  return tpm;
}

async function endorsedState(
  options: ManufactureOptions,
  identity: TpmIdentity,
  keys: readonly EkAlgorithm[],
): Promise<PermanentState> {
  const fields = {
    manufacturer: identity.manufacturer,
    firmwareVersion: identity.firmwareVersion,
    banks: options.banks ?? DEFAULT_BANKS,
  };
  if (!keys.includes('rsa2048')) {
    return newPermanentState({
      ...fields,
      endorsementSeed: options.endorsementSeed ?? randomBytes(SEED_BYTES),
    });
  }
  const prepared =
    options.endorsementSeed === undefined && options.pool !== undefined
      ? await options.pool.take()
      : await prepareEndorsement(options.endorsementSeed);
  const permanent = newPermanentState({ ...fields, endorsementSeed: Buffer.from(prepared.seed) });
  permanent.primaries.set(primaryKey(TPM_RH.ENDORSEMENT, prepared.templateDigest), prepared.rsaEk);
  return permanent;
}
