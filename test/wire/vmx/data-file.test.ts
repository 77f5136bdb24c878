import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { dataFileBytes, isDataFile, openDataFile, sealDataFile } from '../../../wire/vmx/index.js';
import { fc } from '../../property.js';

const key = randomBytes(32);
const mismatch = expect.objectContaining({ code: 'key_mismatch' }) as Error;
const invalid = expect.objectContaining({ code: 'data_file_invalid' }) as Error;

describe('encrypted data files', () => {
  it('have the header and the pages of VMware files', () => {
    const file = sealDataFile(key, randomBytes(5000));
    expect(file.length).toBe(3 * 4096);
    expect([0x00, 0x04, 0x08, 0x0c, 0x10].map((at) => file.readUInt32LE(at))).toEqual([
      0x8943dd9e, 1, 4064, 16, 16,
    ]);
    expect(file.readBigUInt64LE(0x18)).toBe(5000n);
    expect(isDataFile(file)).toBe(true);
  });

  it.each([0, 1, 4063, 4064, 4065, 8128, 100_000])('give back %i bytes', (size) => {
    const plain = randomBytes(size);
    const file = sealDataFile(key, plain);
    expect(file.length).toBe(dataFileBytes(size));
    expect(openDataFile(key, file).equals(plain)).toBe(true);
  });

  it('open only unchanged, whole and in order', () => {
    const file = sealDataFile(key, randomBytes(3 * 4064));
    const page = (number: number): Buffer => file.subarray(number * 4096, (number + 1) * 4096);
    expect(() => openDataFile(randomBytes(32), file)).toThrow(mismatch);
    expect(() => openDataFile(key, file.subarray(0, 3 * 4096))).toThrow(invalid);
    expect(() => openDataFile(key, Buffer.concat([page(0), page(2), page(1), page(3)]))).toThrow(mismatch);
    for (const at of [4096, 4096 + 4063, 4096 + 4064, 4096 + 4080, 4 * 4096 - 1]) {
      const changed = Buffer.from(file);
      changed[at] = (changed[at] ?? 0) ^ 0x80;
      expect(() => openDataFile(key, changed)).toThrow(mismatch);
    }
    const shorter = Buffer.from(file.subarray(0, 3 * 4096));
    shorter.writeBigUInt64LE(BigInt(2 * 4064), 0x18);
    expect(() => openDataFile(key, shorter)).toThrow(mismatch);
  });

  it('refuse headers that are not theirs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8192 }), (bytes) => {
        expect(() => openDataFile(key, Buffer.from(bytes))).toThrow(invalid);
      }),
    );
    const huge = sealDataFile(key, Buffer.alloc(1));
    huge.writeBigUInt64LE(2n ** 63n, 0x18);
    expect(() => openDataFile(key, huge)).toThrow(invalid);
    expect(() => sealDataFile(Buffer.alloc(16), Buffer.alloc(1))).toThrow(invalid);
  });
});
