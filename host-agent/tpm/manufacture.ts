import { randomBytes } from 'node:crypto';
import { TPM_RH } from '../../wire/tpm2/index.js';
import type { EkAlgorithm, HashAlgorithm } from '../../wire/tpm2/index.js';
import { primaryKey } from './commands/create-primary.js';
import { DEFAULT_ENDORSEMENT_KEYS, TPM_IDENTITY, provision } from './device/provision.js';
import type { ProvisionOptions } from './device/provision.js';
import type { TpmIdentity } from './ek-certificate.js';
import { prepareEndorsement } from './endorsement-pool.js';
import type { EndorsementPool } from './endorsement-pool.js';
import { newPermanentState } from './permanent-state.js';
import type { PermanentState } from './permanent-state.js';
import { SoftwareTpm, SoftwareTpmTransport } from './software-tpm.js';
import type { SoftwareTpmOptions } from './software-tpm.js';
import { TpmClient } from './tpm-client.js';

/** How a TPM is made; a swtpm chooses its own seed and PCR banks. */
export interface ManufactureOptions extends SoftwareTpmOptions, ProvisionOptions {
  /** PCR banks; SHA-1, SHA-256 and SHA-384 by default. */
  readonly banks?: readonly HashAlgorithm[];
  /** The same seed gives the same endorsement keys; 64 bytes, secret. Random by default. */
  readonly endorsementSeed?: Buffer;
  /** Endorsements made ahead; used if no seed is given and an RSA key is wanted. */
  readonly pool?: EndorsementPool;
}

const DEFAULT_BANKS: readonly HashAlgorithm[] = ['SHA1', 'SHA256', 'SHA384'];
const SEED_BYTES = 64;

/**
 * Makes a TPM: seeds, persistent endorsement keys, their certificates in NV memory. It comes powered on and waits for
 * `TPM2_Startup`, with all counters at zero.
 */
export async function manufacture(options: ManufactureOptions): Promise<SoftwareTpm> {
  const identity = { ...TPM_IDENTITY, ...options.identity };
  const keys = options.endorsementKeys ?? DEFAULT_ENDORSEMENT_KEYS;
  const permanent = await endorsedState(options, identity, keys);
  const tpm = new SoftwareTpm(permanent, options);
  const client = new TpmClient(new SoftwareTpmTransport(tpm));
  await client.startup();
  await provision(client, options);
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
