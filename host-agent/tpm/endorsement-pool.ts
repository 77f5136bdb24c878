import { randomBytes } from 'node:crypto';
import { ENDORSEMENT_KEYS, TPM_RH, encodeWhole } from '../../wire/tpm2/index.js';
import { storeObject } from './device.js';
import { derivedRsaInBackground } from './key-material.js';
import { createObject, keysFromSeed, templateDigest } from './object-creation.js';
import type { StoredObject } from './permanent-state.js';
import { TpmObject } from './tpm-object.js';

/** An endorsement seed and the RSA key that belongs to it: the costly part of a new TPM. */
export interface PreparedEndorsement {
  readonly seed: Buffer;
  readonly rsaEk: StoredObject;
  /** Digest of the template of the key, under which a TPM keeps it. */
  readonly templateDigest: Buffer;
}

const SEED_BYTES = 64;
const NOTHING = Buffer.alloc(0);

/** Derives the RSA endorsement key of a seed, without stopping the event loop (some 50 ms of computing). */
export async function prepareEndorsement(
  seed: Buffer = randomBytes(SEED_BYTES),
): Promise<PreparedEndorsement> {
  const { template } = ENDORSEMENT_KEYS.rsa2048;
  const digest = templateDigest(template, NOTHING);
  const material = await derivedRsaInBackground(template.keyBits, seed, digest);
  const keys = { ...keysFromSeed(seed, digest), rsa: () => material };
  const { publicArea, sensitive } = createObject(template, { userAuth: NOTHING, data: NOTHING }, keys);
  const hierarchyName = encodeWhole((writer) => writer.u32(TPM_RH.ENDORSEMENT));
  const object = new TpmObject(publicArea, sensitive, TPM_RH.ENDORSEMENT, hierarchyName);
  return { seed, rsaEk: storeObject(object), templateDigest: digest };
}

/** Endorsements made ahead, so that manufacturing many TPMs does not wait for RSA. */
export class EndorsementPool {
  readonly #ready: PreparedEndorsement[] = [];

  /** Number of endorsements that are ready. */
  get size(): number {
    return this.#ready.length;
  }

  /** Makes endorsements until `count` are ready. */
  async fill(count: number): Promise<void> {
    while (this.#ready.length < count) this.#ready.push(await prepareEndorsement());
  }

  /** One that is ready, or a new one. Each is given out once. */
  async take(): Promise<PreparedEndorsement> {
    return this.#ready.pop() ?? (await prepareEndorsement());
  }
}
