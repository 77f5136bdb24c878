import { randomFillSync, timingSafeEqual } from 'node:crypto';

import type { EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';

/** How the last block of a block cipher in ECB or CBC mode is filled up. */
export interface BlockPadding {
  /** The bytes to append so that `lengthBytes` becomes a multiple of `blockBytes`; undefined if it must be one. */
  readonly append?: (lengthBytes: number, blockBytes: number) => Buffer;
  /** How many bytes of the last block are padding; undefined if they are not what the method appends. */
  readonly count?: (lastBlock: Buffer) => number | undefined;
}

/** Padding Methods of block ciphers. KMIP 1.4 §9.1.3.2.15. */
export const BLOCK_PADDINGS = {
  None: {},
  /** Each byte is the number of bytes appended (RFC 8018 §6.1.1, RFC 5652 §6.3). */
  PKCS5: {
    append: (length, block) => filled(length, block, (bytes) => bytes.fill(bytes.length)),
    count: (last) => countedBy(last, (bytes) => bytes.fill(bytes.length)),
  },
  /** Zeros, and the number of bytes appended in the last. */
  ANSIX9_23: {
    append: (length, block) => filled(length, block, (bytes) => bytes.fill(0, 0, bytes.length - 1)),
    count: (last) => countedBy(last, (bytes) => bytes.fill(0, 0, bytes.length - 1)),
  },
  /** Random bytes, and the number of bytes appended in the last. */
  ISO10126: {
    append: (length, block) => filled(length, block, (bytes) => randomFillSync(bytes, 0, bytes.length - 1)),
    count: (last) => countedBy(last, (bytes) => bytes),
  },
  /** Any bytes, and in the last the number of bytes before it (RFC 6101 §5.2.3.2). */
  SSL3: {
    append: (length, block) => filled(length, block, (bytes) => bytes.fill(bytes.length - 1)),
    count: (last) => {
      const before = last.at(-1) ?? last.length;
      return before < last.length ? before + 1 : undefined;
    },
  },
  /** Zeros where needed. Decrypting leaves them, as data may end in zeros too. */
  Zeros: {
    append: (length, block) => Buffer.alloc((block - (length % block)) % block),
  },
} as const satisfies Partial<Record<NameIn<'PaddingMethod'>, BlockPadding>>;

/** The padding of a block cipher; None if not given. @throws Refusal `badCryptographicParameters` */
export function blockPadding(method: EnumerationValue<'PaddingMethod'> = 'None'): BlockPadding {
  if (typeof method === 'string' && Object.hasOwn(BLOCK_PADDINGS, method)) {
    return BLOCK_PADDINGS[method as keyof typeof BLOCK_PADDINGS];
  }
  const choices = Object.keys(BLOCK_PADDINGS).join(', ');
  throw new Refusal(
    'badCryptographicParameters',
    `Padding Method ${method} is not for block ciphers; use one of ${choices}.`,
  );
}

/** A full padding of 1 to `blockBytes` bytes whose last byte is their number, the others as `fill` makes them. */
function filled(lengthBytes: number, blockBytes: number, fill: (bytes: Buffer) => Buffer): Buffer {
  const count = blockBytes - (lengthBytes % blockBytes);
  const bytes = Buffer.alloc(count, count);
  fill(bytes);
  return bytes;
}

/** The number in the last byte, if the bytes it counts are as `fill` makes them; looks at all of them in any case. */
function countedBy(lastBlock: Buffer, fill: (bytes: Buffer) => Buffer): number | undefined {
  const count = lastBlock.at(-1) ?? 0;
  if (count === 0 || count > lastBlock.length) return undefined;
  const found = lastBlock.subarray(-count);
  const expected = Buffer.from(found);
  fill(expected);
  return timingSafeEqual(found, expected) ? count : undefined;
}
