import { fc } from './property.js';

/** Good bytes with some of them changed, cut out, put in or left off at the end. */
export function damagedBytes(good: Uint8Array): fc.Arbitrary<Buffer> {
  const original = Buffer.from(good);
  const place = fc.nat({ max: Math.max(0, original.length - 1) });
  const changed = fc
    .array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const bytes = Buffer.from(original);
      for (const [at, value] of changes) if (at < bytes.length) bytes.writeUInt8(value, at);
      return bytes;
    });
  const spliced = fc
    .tuple(place, fc.nat({ max: 40 }), fc.uint8Array({ maxLength: 40 }))
    .map(([at, cut, put]) => Buffer.concat([original.subarray(0, at), put, original.subarray(at + cut)]));
  const cut = place.map((length) => original.subarray(0, length));
  return fc.oneof({ weight: 3, arbitrary: changed }, spliced, cut);
}
