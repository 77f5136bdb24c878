import type { KeyObject } from 'node:crypto';
import { digestBytes } from './algorithms.js';
import type { SymmetricDefinition } from './algorithm-codec.js';
import { TpmError } from './errors.js';
import { protect, unprotect } from './protection.js';
import type { TpmtPublic } from './public-area.js';
import { decodeWhole } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { receiveSeed, sendSeed } from './secret-exchange.js';
import { encodeWhole } from './writer.js';

/** A credential for one object, which only the TPM that holds the object and the endorsement key can open. */
export interface Credential {
  /** TPMS_ID_OBJECT: the content of a TPM2B_ID_OBJECT, without its length. */
  readonly idObject: Buffer;
  /** The content of a TPM2B_ENCRYPTED_SECRET, without its length. */
  readonly encryptedSecret: Buffer;
}

/**
 * TPM2_MakeCredential in software (TPM 2.0 Part 1 §24): encrypts `secret` to an endorsement key, bound to the name
 * of another object.
 *
 * @param options.ekPublic public area of a storage key, normally an endorsement key
 * @param options.objectName name of the object that the TPM must hold, normally an attestation key
 * @param options.secret at most as long as a digest of the key's nameAlg
 * @throws TpmError TPM_RC_TYPE or TPM_RC_SYMMETRIC if the key is no storage key, TPM_RC_SIZE if the secret is too long
 */
export function makeCredential(options: {
  readonly ekPublic: TpmtPublic;
  readonly objectName: Buffer;
  readonly secret: Buffer;
}): Credential {
  const { ekPublic, objectName, secret } = options;
  if (secret.length > digestBytes(ekPublic.nameAlg)) throw new TpmError(TPM_RC.SIZE, 'credential');
  const symmetric = symmetricOf(ekPublic);
  const { seed, encryptedSecret } = sendSeed(ekPublic, 'IDENTITY');
  return { idObject: wrapCredential({ ekPublic, symmetric, seed, objectName, secret }), encryptedSecret };
}

/** The TPMS_ID_OBJECT for a given seed. */
export function wrapCredential(options: {
  readonly ekPublic: TpmtPublic;
  readonly symmetric: SymmetricDefinition;
  readonly seed: Buffer;
  readonly objectName: Buffer;
  readonly secret: Buffer;
}): Buffer {
  const plain = encodeWhole((writer) => writer.sized(options.secret));
  return protect(
    {
      hashAlg: options.ekPublic.nameAlg,
      seed: options.seed,
      symmetric: options.symmetric,
      name: options.objectName,
    },
    plain,
  );
}

/**
 * The TPM's side of a credential (TPM2_ActivateCredential, TPM 2.0 Part 3 §12.5).
 *
 * @returns the secret
 * @throws TpmError TPM_RC_INTEGRITY if it is for another object or was altered, or what `receiveSeed` throws
 */
export function openCredential(options: {
  readonly ekPublic: TpmtPublic;
  readonly ekPrivate: KeyObject;
  readonly objectName: Buffer;
  readonly credential: Credential;
}): Buffer {
  const { ekPublic, ekPrivate, objectName, credential } = options;
  const symmetric = symmetricOf(ekPublic);
  const seed = receiveSeed(ekPublic, ekPrivate, 'IDENTITY', credential.encryptedSecret);
  const plain = unprotect(
    { hashAlg: ekPublic.nameAlg, seed, symmetric, name: objectName },
    credential.idObject,
    false,
  );
  return decodeWhole('credential', plain, (reader) => reader.sized(digestBytes(ekPublic.nameAlg)));
}

function symmetricOf(area: TpmtPublic): SymmetricDefinition {
  if (area.type === 'KEYEDHASH') throw new TpmError(TPM_RC.TYPE, 'endorsement key');
  if (area.symmetric === undefined) throw new TpmError(TPM_RC.SYMMETRIC, 'endorsement key');
  return area.symmetric;
}
