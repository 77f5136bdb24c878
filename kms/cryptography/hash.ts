import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';

import type { EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';

/** A hash function as others call it. */
export interface HashRow {
  /** Name in OpenSSL, and so in Node. */
  readonly openssl: string;
  readonly digestBytes: number;
  /** Its object identifier, as a DigestInfo names it (RFC 8017 §9.2). */
  readonly oid: string;
}

/** The Hashing Algorithms that are computed; MD2, MD4, Tiger and Whirlpool are not in OpenSSL 3. KMIP 1.4 §9.1.3.2.16. */
export const HASHES = {
  MD5: { openssl: 'md5', digestBytes: 16, oid: '1.2.840.113549.2.5' },
  SHA_1: { openssl: 'sha1', digestBytes: 20, oid: '1.3.14.3.2.26' },
  SHA_224: { openssl: 'sha224', digestBytes: 28, oid: '2.16.840.1.101.3.4.2.4' },
  SHA_256: { openssl: 'sha256', digestBytes: 32, oid: '2.16.840.1.101.3.4.2.1' },
  SHA_384: { openssl: 'sha384', digestBytes: 48, oid: '2.16.840.1.101.3.4.2.2' },
  SHA_512: { openssl: 'sha512', digestBytes: 64, oid: '2.16.840.1.101.3.4.2.3' },
  RIPEMD_160: { openssl: 'ripemd160', digestBytes: 20, oid: '1.3.36.3.2.1' },
  SHA_512_224: { openssl: 'sha512-224', digestBytes: 28, oid: '2.16.840.1.101.3.4.2.5' },
  SHA_512_256: { openssl: 'sha512-256', digestBytes: 32, oid: '2.16.840.1.101.3.4.2.6' },
  SHA_3_224: { openssl: 'sha3-224', digestBytes: 28, oid: '2.16.840.1.101.3.4.2.7' },
  SHA_3_256: { openssl: 'sha3-256', digestBytes: 32, oid: '2.16.840.1.101.3.4.2.8' },
  SHA_3_384: { openssl: 'sha3-384', digestBytes: 48, oid: '2.16.840.1.101.3.4.2.9' },
  SHA_3_512: { openssl: 'sha3-512', digestBytes: 64, oid: '2.16.840.1.101.3.4.2.10' },
} as const satisfies Partial<Record<NameIn<'HashingAlgorithm'>, HashRow>>;

/** Name of a hash function of {@link HASHES}. */
export type HashName = keyof typeof HASHES;

/** The row of a Hashing Algorithm. @throws Refusal `badCryptographicParameters`, `unsupportedCryptographicParameters` */
export function hashRow(algorithm: EnumerationValue<'HashingAlgorithm'> | undefined): HashRow {
  if (algorithm === undefined) {
    throw new Refusal(
      'badCryptographicParameters',
      'Hashing Algorithm must be given in the Cryptographic Parameters.',
    );
  }
  if (typeof algorithm === 'string' && Object.hasOwn(HASHES, algorithm)) return HASHES[algorithm as HashName];
  const served = Object.keys(HASHES).join(', ');
  throw new Refusal(
    'unsupportedCryptographicParameters',
    `Hashing Algorithm ${algorithm} is not computed here; use one of ${served}.`,
  );
}

/** Begins a hash. @throws Refusal as {@link hashRow} */
export function beginHash(algorithm: EnumerationValue<'HashingAlgorithm'> | undefined): Hash {
  return createHash(hashRow(algorithm).openssl);
}

/** The digest of `data`. @throws Refusal as {@link hashRow} */
export function digestOf(algorithm: EnumerationValue<'HashingAlgorithm'> | undefined, data: Buffer): Buffer {
  return beginHash(algorithm).update(data).digest();
}
