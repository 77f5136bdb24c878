import { createHmac } from 'node:crypto';
import { HASH_ALGORITHMS, digestOf } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';

const NOTHING = Buffer.alloc(0);

/** Parameters of both key derivation functions. */
export interface KdfContext {
  /** For example `STORAGE`; sent with a terminating zero. */
  readonly label: string;
  readonly contextU?: Buffer;
  readonly contextV?: Buffer;
  /** Length of the result in bits. */
  readonly bits: number;
}

/**
 * KDFa: SP 800-108 in counter mode with HMAC (TPM 2.0 Part 1 §11.4.10.2).
 *
 * @returns `bits` bits, rounded up to bytes; unused high bits of the first byte are zero
 */
export function kdfA(hashAlg: HashAlgorithm, key: Buffer, context: KdfContext): Buffer {
  const { nodeName } = HASH_ALGORITHMS[hashAlg];
  const tail = Buffer.concat([
    labelOf(context),
    context.contextU ?? NOTHING,
    context.contextV ?? NOTHING,
    u32(context.bits),
  ]);
  return expand(hashAlg, context.bits, (counter) =>
    createHmac(nodeName, key).update(u32(counter)).update(tail).digest(),
  );
}

/**
 * KDFe: SP 800-56A concatenation with a hash, for secrets agreed by ECDH (TPM 2.0 Part 1 §11.4.10.3).
 *
 * @param z the x coordinate of the agreed point, as long as the curve's coordinates
 * @returns `bits` bits, rounded up to bytes; unused high bits of the first byte are zero
 */
export function kdfE(hashAlg: HashAlgorithm, z: Buffer, context: KdfContext): Buffer {
  const { contextU = NOTHING, contextV = NOTHING } = context;
  return expand(hashAlg, context.bits, (counter) =>
    digestOf(hashAlg, u32(counter), z, labelOf(context), contextU, contextV),
  );
}

function expand(hashAlg: HashAlgorithm, bits: number, block: (counter: number) => Buffer): Buffer {
  const length = Math.ceil(bits / 8);
  const blocks = Math.ceil(length / HASH_ALGORITHMS[hashAlg].digestBytes);
  const result = Buffer.concat(
    Array.from({ length: blocks }, (_, index) => block(index + 1)),
    length,
  );
  if (bits % 8 !== 0 && result.length > 0)
    result.writeUInt8(result.readUInt8(0) & ((1 << (bits % 8)) - 1), 0);
  return result;
}

function labelOf(context: KdfContext): Buffer {
  return Buffer.from(`${context.label}\0`, 'latin1');
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}
