/** DER tags used here (X.690 §8). */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  extensions: 0xa3,
} as const;

/** OID 2.5.29.19 in DER, without tag and length (RFC 5280 §4.2.1.9). */
const BASIC_CONSTRAINTS = Buffer.from('551d13', 'hex');

/** One DER element: its tag, its content, and what follows it. */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly rest: Buffer;
}

/** What the extension basicConstraints of a certificate says. */
export interface BasicConstraints {
  readonly isAuthority: boolean;
  /** Most authorities between this one and the last certificate; undefined for any number. */
  readonly pathLength: number | undefined;
}

/** What extensions that cannot be read are taken for: whoever asks refuses it. */
const UNREADABLE: BasicConstraints = { isAuthority: true, pathLength: 0 };
const NO_AUTHORITY: BasicConstraints = { isAuthority: false, pathLength: undefined };

/**
 * The extension basicConstraints of a certificate (RFC 5280 §4.2.1.9). Node's own `ca` also asks for the key usage of
 * an authority, which a forger leaves out, and tells no path length; a whole ASN.1 library costs milliseconds a host.
 *
 * @param certificateDer a certificate that OpenSSL has parsed
 */
export function basicConstraintsOf(certificateDer: Buffer): BasicConstraints {
  try {
    const certificate = elementOf(certificateDer, TAG.sequence);
    const fields = elementsOf(elementOf(certificate.content, TAG.sequence).content);
    const extensions = fields.find(({ tag }) => tag === TAG.extensions);
    if (!extensions) return NO_AUTHORITY;
    const list = elementsOf(elementOf(extensions.content, TAG.sequence).content);
    const found = list.flatMap(({ content }) => constraintsOf(elementsOf(content)) ?? []);
    return found.find(({ isAuthority }) => isAuthority) ?? found[0] ?? NO_AUTHORITY;
  } catch {
    return UNREADABLE;
  }
}

/** Undefined if the extension is another one. */
function constraintsOf(parts: readonly Element[]): BasicConstraints | undefined {
  const [id] = parts;
  if (id?.tag !== TAG.oid || !id.content.equals(BASIC_CONSTRAINTS)) return undefined;
  const value = parts.find(({ tag }) => tag === TAG.octetString);
  if (!value) return UNREADABLE;
  const fields = elementsOf(elementOf(value.content, TAG.sequence).content);
  const [first] = fields;
  const length = fields.find(({ tag }) => tag === TAG.integer)?.content;
  return {
    isAuthority: first?.tag === TAG.boolean && first.content[0] !== 0,
    pathLength: length && (length.length <= 2 ? length.readUIntBE(0, length.length) : 0),
  };
}

function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const element = elementOf(rest);
    elements.push(element);
    ({ rest } = element);
  }
  return elements;
}

/** @throws RangeError if the bytes are no element, or one of another tag */
function elementOf(bytes: Buffer, tag: number = bytes.readUInt8(0)): Element {
  const short = bytes.readUInt8(1);
  const lengthBytes = short < 0x80 ? 0 : short & 0x7f;
  if (lengthBytes > 4 || short === 0x80) throw new RangeError('DER length');
  const length = lengthBytes === 0 ? short : bytes.readUIntBE(2, lengthBytes);
  const begin = 2 + lengthBytes;
  if (bytes.readUInt8(0) !== tag || length > bytes.length - begin) throw new RangeError('DER element');
  return { tag, content: bytes.subarray(begin, begin + length), rest: bytes.subarray(begin + length) };
}
