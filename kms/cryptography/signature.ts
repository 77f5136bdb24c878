import {
  constants,
  createHash,
  createSign,
  createVerify,
  privateEncrypt,
  publicDecrypt,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { CryptographicParameters, EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import { ecdsaSignDigest, ecdsaVerifyDigest } from './ecdsa-digest.js';
import type { HashName, HashRow } from './hash.js';
import { hashRow } from './hash.js';
import { digestInfo, pssEncode, pssVerify } from './rsa-encoding.js';
import { Collector, guarded } from './transform.js';

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

/** How data are signed: an algorithm with its options. */
interface Scheme extends SignatureOptions {
  readonly algorithm: SignatureAlgorithm;
}

interface SignatureOptions {
  /** Undefined where the data or the Digested Data are signed as they are. */
  readonly hash: HashRow | undefined;
  /** Hash function of the mask of PSS. */
  readonly maskHash: HashRow | undefined;
  /** Salt of PSS; undefined makes as many bytes as the digest has, and verifies any number. */
  readonly saltBytes: number | undefined;
}

interface SignatureAlgorithm {
  /** Types of the keys it takes, as Node names them. */
  readonly keyTypes: readonly string[];
  /** How data are signed, where not by way of their digest: hashed by OpenSSL itself, or all at once (RFC 8032). */
  readonly data?: 'native' | 'whole';
  readonly signDigest?: (key: KeyObject, digest: Buffer, options: SignatureOptions) => Buffer;
  readonly verifyDigest?: (
    key: KeyObject,
    digest: Buffer,
    signature: Buffer,
    options: SignatureOptions,
  ) => boolean;
}

const RAW = { padding: constants.RSA_NO_PADDING } as const;
const TYPE_1 = { padding: constants.RSA_PKCS1_PADDING } as const;

/** The signature algorithms. */
const ALGORITHMS = {
  /** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2); without a hash function the data themselves stand in for the DigestInfo. */
  PKCS1: {
    keyTypes: ['rsa'],
    signDigest: (key, digest, { hash }) => privateEncrypt({ key, ...TYPE_1 }, signedBlock(digest, hash)),
    verifyDigest(key, digest, signature, { hash }) {
      const expected = signedBlock(digest, hash);
      const recovered = publicDecrypt({ key, ...TYPE_1 }, signature);
      return recovered.length === expected.length && timingSafeEqual(recovered, expected);
    },
  },
  /** RSASSA-PSS (RFC 8017 §8.1). */
  PSS: {
    keyTypes: ['rsa'],
    signDigest(key, digest, options) {
      const encoded = pssEncode(demandDigest(digest, options.hash), modulusBitsOf(key), pssOptions(options));
      return privateEncrypt({ key, ...RAW }, encoded);
    },
    verifyDigest(key, digest, signature, options) {
      const signed = publicDecrypt({ key, ...RAW }, signature);
      return pssVerify(signed, demandDigest(digest, options.hash), modulusBitsOf(key), pssOptions(options));
    },
  },
  ECDSA: {
    keyTypes: ['ec'],
    data: 'native',
    signDigest: ecdsaSignDigest,
    verifyDigest: ecdsaVerifyDigest,
  },
  DSA: { keyTypes: ['dsa'], data: 'native' },
  EdDSA: { keyTypes: ['ed25519', 'ed448'], data: 'whole' },
} as const satisfies Record<string, SignatureAlgorithm>;

type AlgorithmName = keyof typeof ALGORITHMS;

/** Digital Signature Algorithms. KMIP 1.4 §9.1.3.2.7. */
const SIGNATURE_ALGORITHMS: Partial<
  Record<NameIn<'DigitalSignatureAlgorithm'>, readonly [AlgorithmName, HashName?]>
> = {
  MD5WithRSAEncryption: ['PKCS1', 'MD5'],
  SHA_1WithRSAEncryption: ['PKCS1', 'SHA_1'],
  SHA_224WithRSAEncryption: ['PKCS1', 'SHA_224'],
  SHA_256WithRSAEncryption: ['PKCS1', 'SHA_256'],
  SHA_384WithRSAEncryption: ['PKCS1', 'SHA_384'],
  SHA_512WithRSAEncryption: ['PKCS1', 'SHA_512'],
  RSASSAPSS: ['PSS'],
  DSAWithSHA_1: ['DSA', 'SHA_1'],
  DSAWithSHA224: ['DSA', 'SHA_224'],
  DSAWithSHA256: ['DSA', 'SHA_256'],
  ECDSAWithSHA_1: ['ECDSA', 'SHA_1'],
  ECDSAWithSHA224: ['ECDSA', 'SHA_224'],
  ECDSAWithSHA256: ['ECDSA', 'SHA_256'],
  ECDSAWithSHA384: ['ECDSA', 'SHA_384'],
  ECDSAWithSHA512: ['ECDSA', 'SHA_512'],
  SHA3_256WithRSAEncryption: ['PKCS1', 'SHA_3_256'],
  SHA3_384WithRSAEncryption: ['PKCS1', 'SHA_3_384'],
  SHA3_512WithRSAEncryption: ['PKCS1', 'SHA_3_512'],
};

/** Signature algorithms by the Cryptographic Algorithm of the key; PSS is told by its Padding Method. */
const KEY_ALGORITHMS: Partial<Record<NameIn<'CryptographicAlgorithm'>, AlgorithmName>> = {
  RSA: 'PKCS1',
  EC: 'ECDSA',
  ECDSA: 'ECDSA',
  DSA: 'DSA',
  Ed25519: 'EdDSA',
  Ed448: 'EdDSA',
};

/** Key, algorithm and parameters of a signature. */
export interface SignatureKey {
  /** The private half to sign, the public one to verify. */
  readonly key: KeyObject;
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  readonly parameters: CryptographicParameters;
  /** Most bytes kept for algorithms that need the whole data at once; no limit if absent. */
  readonly heldBytesLimit?: number | undefined;
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

function schemeOf({ key, algorithm, parameters }: SignatureKey): Scheme {
  const [name, fixedHash] = algorithmOf(key, algorithm, parameters);
  const hashing = fixedHash ?? parameters.hashingAlgorithm;
  const { maskGeneratorHashingAlgorithm: masking, saltLength, trailerField } = parameters;
  if ((trailerField !== undefined && trailerField !== 1) || (saltLength !== undefined && saltLength < 0)) {
    throw new Refusal(
      'unsupportedCryptographicParameters',
      'PSS has Trailer Field 1 and a Salt Length that is not negative.',
    );
  }
  const hash = hashing === undefined && name !== 'PSS' ? undefined : hashRow(hashing);
  return {
    algorithm: ALGORITHMS[name],
    hash,
    maskHash: masking === undefined ? hash : hashRow(masking),
    saltBytes: saltLength,
  };
}

function algorithmOf(
  key: KeyObject,
  algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined,
  { digitalSignatureAlgorithm: named, paddingMethod }: CryptographicParameters,
): readonly [AlgorithmName, HashName?] {
  if (named !== undefined) {
    const row = typeof named === 'string' ? SIGNATURE_ALGORITHMS[named] : undefined;
    if (row) return row;
    throw notServed(`Digital Signature Algorithm ${named}`);
  }
  // A certificate may lack the attribute; its key tells.
  const asked = algorithm ?? (key.asymmetricKeyType === 'rsa' ? 'RSA' : 'EC');
  const name = typeof asked === 'string' ? KEY_ALGORITHMS[asked] : undefined;
  if (name === undefined) throw notServed(`Cryptographic Algorithm ${asked}`);
  if (name === 'ECDSA' && ALGORITHMS.EdDSA.keyTypes.some((type) => type === key.asymmetricKeyType)) {
    return ['EdDSA'];
  }
  if (name !== 'PKCS1') return [name];
  if (paddingMethod === 'PSS') return ['PSS'];
  if (paddingMethod === undefined || paddingMethod === 'PKCS1V1_5') return ['PKCS1'];
  throw notServed(`Padding Method ${paddingMethod}`);
}

function takes({ algorithm }: Scheme, key: KeyObject): boolean {
  return algorithm.keyTypes.includes(key.asymmetricKeyType ?? '');
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

function demandDigest(digest: Buffer, hash: HashRow | undefined): Buffer {
  if (!hash || digest.length === hash.digestBytes) return digest;
  throw new KmipError(
    'CryptographicFailure',
    `A digest by this Hashing Algorithm has ${hash.digestBytes} bytes, not ${digest.length}.`,
  );
}

/** What PKCS #1 v1.5 signs. */
function signedBlock(digest: Buffer, hash: HashRow | undefined): Buffer {
  return hash ? digestInfo(demandDigest(digest, hash), hash) : digest;
}

function pssOptions({ hash, maskHash, saltBytes }: SignatureOptions) {
  const certain = hash ?? hashRow(undefined);
  return { hash: certain, maskHash: maskHash ?? certain, saltBytes };
}

function modulusBitsOf(key: KeyObject): number {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
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

function notServed(what: string): Refusal {
  return new Refusal(
    'unsupportedCryptographicParameters',
    `${what} makes no signatures here; RSA with PKCS1V1_5 or PSS, ECDSA, DSA, Ed25519 and Ed448 do.`,
  );
}
