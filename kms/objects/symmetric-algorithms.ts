import { KmipError } from '../../wire/kmip/index.js';
import type { EnumerationValue } from '../../wire/kmip/index.js';
import { Refusal, demandKnown } from '../refusals.js';

/** Key lengths of one algorithm, in bits. */
interface SymmetricAlgorithm {
  /** Allowed lengths, or a range in steps of 8. The first is taken where the request gives none. */
  readonly lengthsBits:
    readonly number[] | { readonly preferred: number; readonly from: number; readonly to: number };
  /** Each byte has odd parity, and lengths may be given without the parity bits (KMIP 1.4 §2.1.3). */
  readonly parity?: true;
}

const HMAC_RANGE = { from: 80, to: 4096 } as const;

/** Algorithms that Create makes keys for. */
const ALGORITHMS: Readonly<Record<string, SymmetricAlgorithm>> = {
  AES: { lengthsBits: [256, 192, 128] },
  DES3: { lengthsBits: [192, 168, 128, 112], parity: true },
  DES: { lengthsBits: [64, 56], parity: true },
  Camellia: { lengthsBits: [256, 192, 128] },
  ARIA: { lengthsBits: [256, 192, 128] },
  SEED: { lengthsBits: [128] },
  SM4: { lengthsBits: [128] },
  IDEA: { lengthsBits: [128] },
  CAST5: { lengthsBits: { preferred: 128, from: 40, to: 128 } },
  Blowfish: { lengthsBits: { preferred: 256, from: 32, to: 448 } },
  Twofish: { lengthsBits: [256, 192, 128] },
  SKIPJACK: { lengthsBits: [80] },
  RC4: { lengthsBits: { preferred: 128, from: 40, to: 2048 } },
  ChaCha20: { lengthsBits: [256] },
  Poly1305: { lengthsBits: [256] },
  ChaCha20Poly1305: { lengthsBits: [256] },
  HMAC_MD5: { lengthsBits: { preferred: 128, ...HMAC_RANGE } },
  HMAC_SHA1: { lengthsBits: { preferred: 160, ...HMAC_RANGE } },
  HMAC_SHA224: { lengthsBits: { preferred: 224, ...HMAC_RANGE } },
  HMAC_SHA256: { lengthsBits: { preferred: 256, ...HMAC_RANGE } },
  HMAC_SHA384: { lengthsBits: { preferred: 384, ...HMAC_RANGE } },
  HMAC_SHA512: { lengthsBits: { preferred: 512, ...HMAC_RANGE } },
};

/**
 * The length of a key to be made.
 *
 * @returns the Cryptographic Length, and how many bytes of key that is
 * @throws Refusal `attributeValueInvalid`, KmipError `InvalidField`, `CryptographicFailure` for an algorithm that has no such keys
 */
export function keyLengthOf(
  algorithm: EnumerationValue<'CryptographicAlgorithm'>,
  requestedBits: number | undefined,
): { readonly lengthBits: number; readonly keyByteCount: number; readonly parity: boolean } {
  demandKnown('Cryptographic Algorithm', algorithm);
  const row =
    typeof algorithm === 'string' && Object.hasOwn(ALGORITHMS, algorithm) ? ALGORITHMS[algorithm] : undefined;
  if (!row) {
    throw new KmipError('CryptographicFailure', `Create makes no ${algorithm} keys; Register one instead.`);
  }
  const { lengthsBits } = row;
  const lengthBits =
    requestedBits ?? ('preferred' in lengthsBits ? lengthsBits.preferred : (lengthsBits[0] ?? 0));
  const allowed =
    'preferred' in lengthsBits
      ? lengthBits % 8 === 0 && lengthBits >= lengthsBits.from && lengthBits <= lengthsBits.to
      : lengthsBits.includes(lengthBits);
  if (!allowed) {
    const choices =
      'preferred' in lengthsBits ? `${lengthsBits.from} to ${lengthsBits.to}` : lengthsBits.join(', ');
    throw new Refusal(
      'attributeValueInvalid',
      `${algorithm} keys have a Cryptographic Length of ${choices} bits, not ${lengthBits}.`,
    );
  }
  const parity = row.parity ?? false;
  const bitsPerByte = parity && lengthBits % 7 === 0 ? 7 : 8;
  return { lengthBits, keyByteCount: lengthBits / bitsPerByte, parity };
}

/** Gives each byte odd parity, as DES keys have it (FIPS 46-3). */
export function setOddParity(key: Buffer): void {
  for (const [index, byte] of key.entries()) {
    const ones = (byte >> 1).toString(2).replaceAll('0', '').length;
    key[index] = (byte & 0xfe) | (ones % 2 === 0 ? 1 : 0);
  }
}
