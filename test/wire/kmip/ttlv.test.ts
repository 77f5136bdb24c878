import { describe, expect, test } from 'vitest';

import type { TtlvItem, TtlvValue } from '../../../wire/kmip/index.js';
import { KmipError, decodeTree, encodeTree } from '../../../wire/kmip/index.js';
import { encodingExamples } from './vectors.js';
import { fc } from '../../property.js';

const EXPECTED: readonly TtlvValue[] = [
  { type: 'Integer', value: 8 },
  { type: 'LongInteger', value: 123456789000000000n },
  { type: 'BigInteger', value: 1234567890000000000000000000n },
  { type: 'Enumeration', value: 255 },
  { type: 'Boolean', value: true },
  { type: 'TextString', value: 'Hello World' },
  { type: 'ByteString', value: Buffer.from([1, 2, 3]) },
  { type: 'DateTime', value: Date.UTC(2008, 2, 14, 11, 56, 40) / 1000 },
  { type: 'Interval', value: 864_000 },
  {
    type: 'Structure',
    value: [
      { tag: 0x420004, type: 'Enumeration', value: 254 },
      { tag: 0x420005, type: 'Integer', value: 255 },
    ],
  },
];

describe('the encoding examples of the specification', () => {
  test.each(encodingExamples().map((example, index) => [example.description, example.hex, EXPECTED[index]!]))(
    '%s',
    (_description, hex, expected) => {
      expect(decodeTree(Buffer.from(hex, 'hex'))).toEqual({ tag: 0x420020, ...expected });
      expect(encodeTree({ tag: 0x420020, ...expected }).toString('hex')).toBe(hex);
    },
  );
});

const primitive: fc.Arbitrary<TtlvValue> = fc.oneof(
  fc.record({ type: fc.constant('Integer' as const), value: fc.integer() }),
  fc.record({
    type: fc.constant('LongInteger' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({
    type: fc.constant('BigInteger' as const),
    value: fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }),
  }),
  fc.record({ type: fc.constant('Enumeration' as const), value: fc.nat(0xffffffff) }),
  fc.record({ type: fc.constant('Boolean' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('TextString' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({
    type: fc.constant('ByteString' as const),
    value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ type: fc.constant('DateTime' as const), value: fc.maxSafeInteger() }),
  fc.record({ type: fc.constant('Interval' as const), value: fc.nat(0xffffffff) }),
  fc.record({
    type: fc.constant('DateTimeExtended' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
);
const { item } = fc.letrec<{ item: TtlvItem }>((tie) => ({
  item: fc
    .tuple(
      fc.integer({ min: 0x420001, max: 0x54ffff }),
      fc.oneof(
        { maxDepth: 6 },
        primitive,
        fc.array(tie('item'), { maxLength: 4 }).map((value) => ({ type: 'Structure' as const, value })),
      ),
    )
    .map(([tag, value]) => ({ ...value, tag })),
}));

describe('any tree', () => {
  test('comes back from its encoding as it was', () => {
    fc.assert(
      fc.property(item, (tree) => {
        expect(decodeTree(encodeTree(tree))).toEqual(tree);
      }),
    );
  });

  test('is refused with Invalid Message, and nothing worse, when its bytes are damaged', () => {
    fc.assert(
      fc.property(item, fc.nat(), fc.nat(255), (tree, at, byte) => {
        const bytes = encodeTree(tree);
        bytes[at % bytes.length] = byte;
        expectTreeOrKmipError(bytes);
      }),
    );
  });
});

test('no bytes crash the decoder', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expectTreeOrKmipError(Buffer.from(bytes));
    }),
  );
});

function expectTreeOrKmipError(bytes: Buffer): void {
  let decoded: TtlvItem;
  try {
    decoded = decodeTree(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(KmipError);
    return;
  }
  // What is accepted is canonical: there is one encoding of every tree.
  expect(encodeTree(decoded)).toEqual(bytes);
}

describe('malformed bytes', () => {
  const cases: readonly (readonly [name: string, hex: string, message: RegExp])[] = [
    ['nothing', '', /no item/],
    ['half a header', '42002002', /left over/],
    ['a length beyond the end', '4200200200000008000000080000', /past the end/],
    ['an Integer of eight bytes', '42002002000000080000000000000008', /must have length 4/],
    ['an Integer with padding that is not zero', '42002002000000040000000800000001', /padding/],
    ['a Text String with padding that is not zero', '42002007000000014100000000000001', /padding/],
    ['a Text String that is not UTF-8', '4200200700000001ff00000000000000', /UTF-8/],
    ['a Boolean of 2', '42002006000000080000000000000002', /Boolean/],
    ['an empty Big Integer', '4200200400000000', /Big Integer/],
    ['a Big Integer of five bytes', '42002004000000050102030405000000', /Big Integer/],
    ['a Big Integer padded too much', '420020040000001000000000000000000000000000000001', /more padding/],
    ['a Date-Time beyond 2^53 seconds', '42002009000000087ffffffffffffffe', /2\^53/],
    ['an unknown type', '420020ff00000000', /no item type/],
    ['a Structure whose length is not a multiple of 8', '42002001000000044200040500000000', /multiple of 8/],
    ['a second item', '4200200600000008000000000000000142002006000000080000000000000001', /after the item/],
  ];
  test.each(cases)('%s is refused', (_name, hex, message) => {
    expect(() => decodeTree(Buffer.from(hex, 'hex'))).toThrow(message);
  });

  test('structures nested deeper than the limit are refused without exhausting the stack', () => {
    const bytes = Buffer.alloc(8 * 5000);
    for (let depth = 0; depth < 5000; depth += 1) {
      bytes.writeUInt32BE(0x42002001, depth * 8);
      bytes.writeUInt32BE((4999 - depth) * 8, depth * 8 + 4);
    }
    expect(() => decodeTree(bytes)).toThrow(/nested/);
  });
});
