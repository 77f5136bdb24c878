import { constants, privateEncrypt, publicDecrypt, timingSafeEqual } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { CryptographicParameters, EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import { ecdsaSignDigest, ecdsaVerifyDigest } from './ecdsa-digest.js';
import type { HashName, HashRow } from './hash.js';
import { hashRow } from './hash.js';
import { digestInfo, pssEncode, pssVerify } from './rsa-encoding.js';

/* Signature algorithms, and what the parameters of KMIP say about them. */

/** How data are signed: an algorithm with its options. */
export interface Scheme extends SignatureOptions {
  readonly algorithm: SignatureAlgorithm;
}

/** What an algorithm is told besides key and digest. */
export interface SignatureOptions {
  /** Undefined where the data or the Digested Data are signed as they are. */
  readonly hash: HashRow | undefined;
  /** Hash function of the mask of PSS. */
  readonly maskHash: HashRow | undefined;
  /** Salt of PSS; undefined makes as many bytes as the digest has, and verifies any number. */
  readonly saltBytes: number | undefined;
}

/** One way of signing. */
export interface SignatureAlgorithm {
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
/** Block type 1 of PKCS #1 v1.5. */
export const TYPE_1 = { padding: constants.RSA_PKCS1_PADDING } as const;

/** The signature algorithms. */
export const ALGORITHMS = {
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
 * What key and parameters come to.
 *
 * @throws Refusal `badCryptographicParameters`, `unsupportedCryptographicParameters`
 */
export function schemeOf({ key, algorithm, parameters }: SignatureKey): Scheme {
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

/** Whether a key is one of the scheme's algorithm. */
export function takes({ algorithm }: Scheme, key: KeyObject): boolean {
  return algorithm.keyTypes.includes(key.asymmetricKeyType ?? '');
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

function notServed(what: string): Refusal {
  return new Refusal(
    'unsupportedCryptographicParameters',
    `${what} makes no signatures here; RSA with PKCS1V1_5 or PSS, ECDSA, DSA, Ed25519 and Ed448 do.`,
  );
}
