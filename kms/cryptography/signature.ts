import { createHash, createSign, createVerify, publicDecrypt, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { Refusal } from '../refusals.js';
import type { HashRow } from './hash.js';
import { hashRow } from './hash.js';
import type { Scheme, SignatureKey } from './signature-schemes.js';
import { ALGORITHMS, TYPE_1, schemeOf, takes } from './signature-schemes.js';
import { Collector, guarded } from './transform.js';

export type { SignatureKey } from './signature-schemes.js';

/** A signature under way. */
export interface SignatureComputation {
  /** Takes a part of the data. */
  update(part: Buffer): void;
  /** The signature. @throws KmipError `CryptographicFailure` */
  final(): Buffer;
}

/** The verification of a signature under way. */
export interface VerificationComputation {
  /** Takes a part of the data. */
  update(part: Buffer): void;
  /** Whether it is the signature of the data. */
  final(signature: Buffer): boolean;
}

/**
 * Begins to sign data.
 *
 * @throws Refusal `badCryptographicParameters`, `unsupportedCryptographicParameters`
 */
export function beginSignature(given: SignatureKey): SignatureComputation {
  const scheme = schemeOf(given);
  demandKeyType(given.key, scheme);
  const { key } = given;
  const { algorithm } = scheme;
  if (algorithm.data === 'native') {
    const signer = createSign(demandHash(scheme).openssl);
    return {
      update: (part) => void signer.update(part),
      final: () => guarded(SIGNING, () => signer.sign(key)),
    };
  }
  return overInput(scheme, given, (input) => {
    if (algorithm.data === 'whole') return guarded(SIGNING, () => sign(null, input, key));
    return signInput(key, input, scheme);
  });
}

/** Signs the digest of data that the client has. @throws Refusal as {@link beginSignature} */
export function signDigest(given: SignatureKey, digest: Buffer): Buffer {
  const scheme = schemeOf(given);
  demandKeyType(given.key, scheme);
  return signInput(given.key, digest, scheme);
}

/**
 * Begins to verify a signature. A key that is not one of the algorithm has made none of its signatures: all are
 * invalid, as OASIS has it (TC-ECDSA-SIGN-DIGESTEDDATA-1).
 *
 * @throws Refusal as {@link beginSignature}
 */
export function beginVerification(given: SignatureKey): VerificationComputation {
  const scheme = schemeOf(given);
  const { key } = given;
  const { algorithm } = scheme;
  if (!takes(scheme, key)) return { update: () => undefined, final: () => false };
  if (algorithm.data === 'native') {
    const verifier = createVerify(demandHash(scheme).openssl);
    return {
      update: (part) => void verifier.update(part),
      final: (signature) => isValid(() => verifier.verify(key, signature)),
    };
  }
  let signature: Buffer = Buffer.alloc(0);
  let valid = false;
  const computation = overInput(scheme, given, (input) => {
    valid = isValid(() => {
      if (algorithm.data === 'whole') return verify(null, input, key, signature);
      return algorithm.verifyDigest?.(key, input, signature, scheme) ?? false;
    });
    return signature;
  });
  return {
    update: (part) => computation.update(part),
    final(toVerify) {
      signature = toVerify;
      computation.final();
      return valid;
    },
  };
}

/** Whether a signature is one of a digest that the client computed. @throws Refusal as {@link beginSignature} */
export function verifyDigest(given: SignatureKey, digest: Buffer, signature: Buffer): boolean {
  const scheme = schemeOf(given);
  if (!takes(scheme, given.key)) return false;
  const check = scheme.algorithm.verifyDigest ?? digestsNotTaken();
  return isValid(() => check(given.key, digest, signature, scheme));
}

/**
 * The data that a signature itself holds: those of RSA with PKCS #1 v1.5 and no hash function. Undefined if there are
 * none, and so the signature is no valid one.
 *
 * @throws Refusal as {@link beginSignature}; `badCryptographicParameters` if the algorithm recovers nothing
 */
export function recoverData(given: SignatureKey, signature: Buffer): Buffer | undefined {
  const scheme = schemeOf(given);
  if (scheme.algorithm !== ALGORITHMS.PKCS1 || scheme.hash) {
    throw new Refusal(
      'badCryptographicParameters',
      'Data or Digested Data must be given; only RSA signatures made without a hash function hold their data.',
    );
  }
  let recovered: Buffer | undefined;
  isValid(() => {
    recovered = publicDecrypt({ key: given.key, ...TYPE_1 }, signature);
    return true;
  });
  return recovered;
}

const SIGNING = 'The signature';

/** Hashes the data, or keeps them all where no hash function comes first, and hands the result to `finish`. */
function overInput(
  { algorithm, hash }: Scheme,
  { heldBytesLimit = Infinity }: SignatureKey,
  finish: (input: Buffer) => Buffer,
): SignatureComputation {
  if (hash && algorithm.data !== 'whole') {
    const digest = createHash(hash.openssl);
    return { update: (part) => void digest.update(part), final: () => finish(digest.digest()) };
  }
  const collector = new Collector(heldBytesLimit);
  return { update: (part) => collector.add(part), final: () => collector.consume(finish) };
}

function signInput(key: KeyObject, digest: Buffer, scheme: Scheme): Buffer {
  const make = scheme.algorithm.signDigest ?? digestsNotTaken();
  return guarded(SIGNING, () => make(key, digest, scheme));
}

function demandKeyType(key: KeyObject, scheme: Scheme): void {
  if (takes(scheme, key)) return;
  throw new Refusal(
    'badCryptographicParameters',
    `The key is one for ${key.asymmetricKeyType ?? 'another algorithm'}, not for the algorithm of the parameters.`,
  );
}

function demandHash({ hash }: Scheme): HashRow {
  return hash ?? hashRow(undefined);
}

/** What cannot even be decoded is no valid signature. */
function isValid(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    return false;
  }
}

function digestsNotTaken(): never {
  throw new Refusal(
    'unsupportedCryptographicParameters',
    'Keys of this kind sign Data, not Digested Data. Send the Data.',
  );
}
