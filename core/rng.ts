import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto';

/**
 * Source of ids and choices. Key material never comes from here but from `randomKeyBytes`, so that a
 * seed makes a run repeatable without making its keys guessable.
 */
export interface Rng {
  /** `length` bytes. */
  bytes(length: number): Buffer;
  /** A version 4 UUID, lower case. */
  uuid(): string;
  /** A number in [0, 1). */
  fraction(): number;
}

/** The operating system's generator. */
export const systemRng: Rng = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  fraction: () => fractionOf(randomBytes(6)),
};

/** A generator that repeats itself for the same seed: AES-256-CTR under SHA-256 of the seed. */
export function seededRng(seed: string): Rng {
  const stream = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16));
  const bytes = (length: number): Buffer => stream.update(Buffer.alloc(length));
  return { bytes, uuid: () => uuidOf(bytes(16)), fraction: () => fractionOf(bytes(6)) };
}

function fractionOf(six: Buffer): number {
  return six.readUIntBE(0, 6) / 2 ** 48;
}

function uuidOf(bytes: Buffer): string {
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
