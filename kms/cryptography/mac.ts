import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto';

import { zeroise } from '../../core/secret.js';
import type { CryptographicParameters, EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { HashName } from './hash.js';
import { HASHES } from './hash.js';
import { guarded } from './transform.js';

/** A message authentication code under way. */
export interface MacComputation {
  /** Takes a part of the message. */
  update(part: Buffer): void;
  /** The code. */
  final(): Buffer;
}

/** The hash function of each HMAC algorithm. RFC 2104, KMIP 1.4 §9.1.3.2.13. */
const HMAC_HASHES = {
  HMAC_MD5: 'MD5',
  HMAC_SHA1: 'SHA_1',
  HMAC_SHA224: 'SHA_224',
  HMAC_SHA256: 'SHA_256',
  HMAC_SHA384: 'SHA_384',
  HMAC_SHA512: 'SHA_512',
  HMAC_SHA3_224: 'SHA_3_224',
  HMAC_SHA3_256: 'SHA_3_256',
  HMAC_SHA3_384: 'SHA_3_384',
  HMAC_SHA3_512: 'SHA_3_512',
} as const satisfies Partial<Record<NameIn<'CryptographicAlgorithm'>, HashName>>;

/** A block cipher that CMAC is made of. */
interface CmacCipher {
  /** OpenSSL's name of the cipher in CBC mode, by length of the key in bytes. */
  readonly names: Readonly<Record<number, string>>;
  readonly blockBytes: number;
  /** The constant of the subkeys. NIST SP 800-38B §5.3. */
  readonly constant: number;
}

/** Block ciphers of CMAC by Cryptographic Algorithm. NIST SP 800-38B. */
const CMAC_CIPHERS = {
  AES: {
    names: { 16: 'aes-128-cbc', 24: 'aes-192-cbc', 32: 'aes-256-cbc' },
    blockBytes: 16,
    constant: 0x87,
  },
  DES3: { names: { 16: 'des-ede-cbc', 24: 'des-ede3-cbc' }, blockBytes: 8, constant: 0x1b },
} as const satisfies Partial<Record<NameIn<'CryptographicAlgorithm'>, CmacCipher>>;

/**
 * Begins a message authentication code: HMAC under the algorithms of that name, CMAC under AES and 3DES.
 *
 * @param key bytes of the key; not kept
 * @throws Refusal `badCryptographicParameters`, `unsupportedCryptographicParameters`
 */
export function beginMac(
  key: Buffer,
  algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined,
  parameters: CryptographicParameters,
): MacComputation {
  const hash = hmacHashOf(algorithm);
  if (hash !== undefined) {
    const hmac = createHmac(HASHES[hash].openssl, key);
    return { update: (part) => void hmac.update(part), final: () => hmac.digest() };
  }
  if (typeof algorithm === 'string' && Object.hasOwn(CMAC_CIPHERS, algorithm)) {
    const { blockCipherMode } = parameters;
    if (blockCipherMode === undefined || blockCipherMode === 'CMAC') {
      return cmac(key, algorithm, CMAC_CIPHERS[algorithm as keyof typeof CMAC_CIPHERS]);
    }
  }
  const served = [...Object.keys(HMAC_HASHES), ...Object.keys(CMAC_CIPHERS)].join(', ');
  throw new Refusal(
    'unsupportedCryptographicParameters',
    `Cryptographic Algorithm ${algorithm ?? '(none)'} with these parameters makes no MAC here; use one of ${served}, block ciphers in mode CMAC.`,
  );
}

/** The message authentication code of data that is there as a whole. @throws Refusal as {@link beginMac} */
export function macWith(
  key: Buffer,
  algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined,
  parameters: CryptographicParameters,
  data: Buffer,
): Buffer {
  const mac = beginMac(key, algorithm, parameters);
  mac.update(data);
  return mac.final();
}

/** CMAC under one key, as a function of whole messages. @throws Refusal as {@link beginMac} */
export function cmacFunction(
  algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined,
  key: Buffer,
): (data: Uint8Array) => Buffer {
  return (data) => macWith(key, algorithm, { blockCipherMode: 'CMAC' }, Buffer.from(data));
}

/** The hash function that an HMAC algorithm names; undefined for another algorithm. */
export function hmacHashOf(
  algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined,
): HashName | undefined {
  if (typeof algorithm !== 'string' || !Object.hasOwn(HMAC_HASHES, algorithm)) return undefined;
  return HMAC_HASHES[algorithm as keyof typeof HMAC_HASHES];
}

/** Whether a code is the one computed; takes as long whatever of it is wrong. */
export function macEquals(computed: Buffer, given: Buffer): boolean {
  return given.length === computed.length && timingSafeEqual(given, computed);
}

/** NIST SP 800-38B §6.2: CBC over the message, whose last block is combined with one of two subkeys. */
function cmac(key: Buffer, algorithm: string, row: CmacCipher): MacComputation {
  const { blockBytes } = row;
  const name = row.names[key.length];
  if (name === undefined) {
    throw new Refusal(
      'badCryptographicParameters',
      `A key of ${key.length * 8} bits is not one for CMAC with ${algorithm}.`,
    );
  }
  const cbc = () => createCipheriv(name, key, Buffer.alloc(blockBytes)).setAutoPadding(false);
  const zero = guarded('CMAC', () => cbc().update(Buffer.alloc(blockBytes)));
  const whole = doubled(zero, row.constant);
  const partial = doubled(whole, row.constant);
  const cipher = cbc();
  // All but the last 1 to blockBytes bytes of the message went into the cipher.
  let pending: Buffer = Buffer.alloc(0);
  return {
    update(part) {
      const message = Buffer.concat([pending, part]);
      zeroise(pending);
      const ready = Math.max(0, Math.ceil(message.length / blockBytes) - 1) * blockBytes;
      cipher.update(message.subarray(0, ready));
      pending = Buffer.from(message.subarray(ready));
      zeroise(message);
    },
    final() {
      const last = Buffer.alloc(blockBytes);
      pending.copy(last);
      if (pending.length < blockBytes) last[pending.length] = 0x80;
      const subkey = pending.length === blockBytes ? whole : partial;
      for (const [index, byte] of subkey.entries()) last[index] = (last[index] ?? 0) ^ byte;
      const code = cipher.update(last);
      zeroise(pending, last, zero, whole, partial);
      return code;
    },
  };
}

/** A block doubled in the finite field of its size. */
function doubled(block: Buffer, constant: number): Buffer {
  const result = Buffer.alloc(block.length);
  for (let index = 0; index < block.length; index += 1) {
    result[index] = (((block[index] ?? 0) << 1) & 0xff) | ((block[index + 1] ?? 0) >> 7);
  }
  const carry = (block[0] ?? 0) >> 7;
  const last = block.length - 1;
  result[last] = (result[last] ?? 0) ^ (carry * constant);
  return result;
}
