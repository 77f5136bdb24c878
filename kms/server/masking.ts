const DEPTH_LIMIT = 12;

/** Fields whose content is never shown, whatever it is made of. */
const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'keyMaterial',
  'keyValue',
  'password',
  'opaqueDataValue',
]);

/** A payload for the journal, which cuts it: byte strings only as lengths, key material and passwords not at all. */
export function masked(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (value instanceof Error) return value.message;
  if (depth === DEPTH_LIMIT) return '[deeper]';
  if (Array.isArray(value)) return value.map((one) => masked(one, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_FIELDS.has(key) ? '[masked]' : masked(inner, depth + 1),
    ]),
  );
}
