import type { TtlvItem, TtlvValue } from '../../../wire/kmip/index.js';
import { tagValue } from '../../../wire/kmip/index.js';
import { fc } from '../../property.js';

/** Tags of every kind: without a name, of an enumeration, of a mask, of tags, of an attribute's name and value. */
const TAGS = fc.oneof(
  fc.integer({ min: 0x540000, max: 0x54ffff }),
  fc.constantFrom(
    ...(
      [
        'Attribute',
        'AttributeName',
        'AttributeValue',
        'AttributeReference',
        'BatchCount',
        'CryptographicAlgorithm',
        'CryptographicUsageMask',
        'ProtectionStorageMask',
        'VendorIdentification',
      ] as const
    ).map(tagValue),
  ),
);

/** Date-Times are kept as numbers, which 2^53 seconds bound. */
const SECONDS = fc.oneof(
  fc.integer({ min: -70_000_000_000, max: 300_000_000_000 }),
  fc.maxSafeInteger(),
  fc.integer({ min: 0, max: 0xffffffff }),
);

const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/**
 * Trees of TTLV items, with all types, tags and extremes of values.
 *
 * @param text what Text Strings hold
 */
export function treeArbitrary(text: fc.Arbitrary<string>): fc.Arbitrary<TtlvItem> {
  const scalar: fc.Arbitrary<TtlvValue> = fc.oneof(
    fc.record({ type: fc.constant('Integer' as const), value: fc.integer() }),
    fc.record({ type: fc.constant('LongInteger' as const), value: fc.bigInt(INT64) }),
    fc.record({
      type: fc.constant('BigInteger' as const),
      value: fc.bigInt({ min: -(2n ** 1030n), max: 2n ** 1030n }),
    }),
    fc.record({
      type: fc.constant('Enumeration' as const),
      value: fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffffffff })),
    }),
    fc.record({ type: fc.constant('Boolean' as const), value: fc.boolean() }),
    fc.record({
      type: fc.constant('TextString' as const),
      value: fc.oneof(text, fc.constantFrom('Cryptographic Algorithm', 'Cryptographic Usage Mask', 'State')),
    }),
    fc.record({
      type: fc.constant('ByteString' as const),
      value: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    }),
    fc.record({ type: fc.constant('DateTime' as const), value: SECONDS }),
    fc.record({
      type: fc.constant('Interval' as const),
      value: fc.integer({ min: 0, max: 0xffffffff }),
    }),
    fc.record({
      type: fc.constant('DateTimeExtended' as const),
      value: fc.oneof(
        fc.bigInt(INT64),
        SECONDS.map((seconds) => BigInt(seconds) * 1000n),
      ),
    }),
  );
  return fc.letrec<{ item: TtlvItem; value: TtlvValue }>((tie) => ({
    item: fc.tuple(TAGS, tie('value')).map(([tag, value]) => ({ ...value, tag })),
    value: fc.oneof(
      { maxDepth: 5, depthSize: 'small' },
      scalar,
      fc.record({ type: fc.constant('Structure' as const), value: fc.array(tie('item'), { maxLength: 6 }) }),
    ),
  })).item;
}
