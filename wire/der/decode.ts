/** One DER value: its tag byte and its content, a view on the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
}

/** The values that stand one after the other in `bytes`; undefined if that is not DER (X.690 §10). */
export function readDer(bytes: Buffer): DerValue[] | undefined {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at];
    const place = readLength(bytes, at + 1);
    if (tag === undefined || !place || place.end > bytes.length) return undefined;
    values.push({ tag, content: bytes.subarray(place.start, place.end) });
    at = place.end;
  }
  return values;
}

/** The dotted form of an OBJECT IDENTIFIER's content. */
export function dottedIdentifier(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** Where the content of a value is whose length begins at `at`. */
function readLength(bytes: Buffer, at: number): { readonly start: number; readonly end: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  if (first < 0x80) return { start: at + 1, end: at + 1 + first };
  const count = first & 0x7f;
  const start = at + 1 + count;
  if (count === 0 || count > 4 || start > bytes.length) return undefined;
  return { start, end: start + bytes.readUIntBE(at + 1, count) };
}
