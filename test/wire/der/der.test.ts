import { describe, expect, it } from 'vitest';

import { dottedIdentifier, readDer } from '../../../wire/der/decode.js';
import {
  derBitString,
  derElement,
  derInteger,
  derObjectIdentifier,
  derTime,
} from '../../../wire/der/encode.js';
import { fc } from '../../property.js';

describe('DER', () => {
  it('is read as it was written, whatever its length', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const content = Buffer.alloc(length, 7);
      expect(readDer(derElement(0x04, content))).toEqual([{ tag: 0x04, content }]);
    }
  });

  it('that is cut short, or of no length at all, is none', () => {
    const encoded = derElement(0x30, derInteger(1n << 2000n));
    for (let length = 1; length < encoded.length; length += 1)
      expect(readDer(encoded.subarray(0, length))).toBeUndefined();
    expect(readDer(Buffer.from([0x30, 0x80, 0, 0]))).toBeUndefined();
    expect(readDer(Buffer.from([0x30, 0x85, 0, 0, 0, 0, 0]))).toBeUndefined();
  });

  it('never breaks its reader, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const values = readDer(Buffer.from(bytes)) ?? [];
        for (const { content } of values) dottedIdentifier(content);
      }),
    );
  });

  it.each(['1.2.840.10045.4.3.2', '2.5.4.3', '2.23.133.8.1', '0.9.2342.19200300.100.1.25', '2.999.1'])(
    'holds the object identifier %s',
    (dotted) => {
      const [value] = readDer(derObjectIdentifier(dotted)) ?? [];
      expect(dottedIdentifier(value!.content)).toBe(dotted);
    },
  );

  // X.690 §8.6 and RFC 5280 §4.1.2.5
  it.each([
    ['1950-01-01T00:00:00Z', '170d3530303130313030303030305a'],
    ['2049-12-31T23:59:59.999Z', '170d3439313233313233353935395a'],
    ['2050-01-01T00:00:00Z', '180f32303530303130313030303030305a'],
  ])('tells the time %s as certificates do', (time, hex) => {
    expect(derTime(new Date(time)).toString('hex')).toBe(hex);
  });

  it('tells how many bits of a BIT STRING are not used', () => {
    expect(derBitString(Buffer.from([0x06]), 1).toString('hex')).toBe('03020106');
  });
});
