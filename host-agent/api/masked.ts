/** Names of members that hold key material or credentials, in the bodies that a host agent is sent. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  'keyData',
  'key_derivation_key',
  'oneTimeKey',
  'nonce',
  'password',
  'principal',
  'privateKeyPem',
]);
const MASK = '[masked]';
const DEPTH_LIMIT = 8;

/** A request's body for the journal, which cuts it: secrets masked, bytes told by their length. */
export function masked(value: unknown, depth = 0): unknown {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_LIMIT) return '…';
  if (Array.isArray(value)) return value.map((element) => masked(element, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      SECRET_MEMBERS.has(name) ? MASK : masked(member, depth + 1),
    ]),
  );
}
