/** Names of members that hold key material or credentials, in the bodies that a host agent is sent. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  'keyData',
  'key_derivation_key',
  'oneTimeKey',
  'nonce',
  'password',
  'privateKeyPem',
]);
const MASK = '[masked]';
/** Longest text that is kept; longer ones are told by their length. */
const TEXT_LIMIT = 256;
/** Members of an array that are kept. */
const ARRAY_LIMIT = 64;
const DEPTH_LIMIT = 8;

/** A request's body as a journal may keep it: secrets masked, long texts and bytes told by their length. */
export function masked(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return value.length > TEXT_LIMIT ? `${value.length} characters` : value;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_LIMIT) return '…';
  if (Array.isArray(value)) return value.slice(0, ARRAY_LIMIT).map((element) => masked(element, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      SECRET_MEMBERS.has(name) ? MASK : masked(member, depth + 1),
    ]),
  );
}
