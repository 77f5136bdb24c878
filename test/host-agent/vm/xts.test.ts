import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { XtsCipher } from '../../../host-agent/vm/xts.js';
import { fc } from '../../property.js';

/** One sector by OpenSSL's own XTS. */
function opensslSector(key: Buffer, sector: number, plain: Buffer): Buffer {
  const tweak = Buffer.alloc(16);
  tweak.writeBigUInt64LE(BigInt(sector));
  return createCipheriv('aes-256-xts', key, tweak).update(plain);
}

describe('XtsCipher', () => {
  /** IEEE 1619-2007 Annex B, vectors 10 to 14: key halves from the digits of e and pi, 512 bytes 00 … ff twice. */
  const key = Buffer.from(
    '2718281828459045235360287471352662497757247093699959574966967627' +
      '3141592653589793238462643383279502884197169399375105820974944592',
    'hex',
  );
  const plain = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));

  it.each([
    ['10', 0xff, '1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b'],
    ['11', 0xffff, '77a31251618a15e6b92d1d66dffe7b50b50bad552305ba0217a610688eff7e11'],
    ['12', 0xffffff, 'e387aaa58ba483afa7e8eb469778317ecf4cf573aa9d4eac23f2cdf914e4e200'],
    ['13', 0xffffffff, 'bf53d2dade78e822a4d949a9bc6766b01b06a8ef70d26748c6a7fc36d80ae4c5'],
    ['14', 0xffffffffff, '64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23'],
  ])('gives IEEE 1619 Annex B vector %s', (_vector, sector, startHex) => {
    const data = Buffer.from(plain);
    new XtsCipher(key).encryptSectors(data, sector);
    expect(data.subarray(0, 32).toString('hex')).toBe(startHex);
    new XtsCipher(key).decryptSectors(data, sector);
    expect(data.equals(plain)).toBe(true);
  });

  it('agrees with OpenSSL for every sector of runs of any length, place and alignment', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.integer({ min: 0, max: 2 ** 45 }),
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 0, max: 15 }),
        (keyBytes, firstSector, count, shift) => {
          const anyKey = Buffer.from(keyBytes);
          fc.pre(!anyKey.subarray(0, 32).equals(anyKey.subarray(32)));
          const original = randomBytes(count * 512);
          const data = Buffer.alloc(original.length + shift).subarray(shift);
          original.copy(data);
          const cipher = new XtsCipher(anyKey);
          cipher.encryptSectors(data, firstSector);
          for (const sector of new Set([0, 255, 256, count - 1].filter((index) => index < count))) {
            const at = sector * 512;
            const expected = opensslSector(anyKey, firstSector + sector, original.subarray(at, at + 512));
            expect(data.subarray(at, at + 512).equals(expected)).toBe(true);
          }
          cipher.decryptSectors(data, firstSector);
          expect(data.equals(original)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('refuses a key of another length, equal halves, part of a sector and a negative sector', () => {
    expect(() => new XtsCipher(Buffer.alloc(32))).toThrow(/64 bytes/);
    expect(() => new XtsCipher(Buffer.alloc(64, 7))).toThrow(/halves/);
    const cipher = new XtsCipher(key);
    expect(() => cipher.encryptSectors(Buffer.alloc(511), 0)).toThrow(/whole sectors/);
    expect(() => cipher.encryptSectors(Buffer.alloc(512), -1)).toThrow(/whole sectors/);
  });
});
