import forge from 'node-forge';

const { asn1 } = forge;

/** One element of a DER document. */
export type DerElement = forge.asn1.Asn1;

/** SEQUENCE. */
export function sequence(...elements: DerElement[]): DerElement {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, elements);
}

/** SET. */
export function set(...elements: DerElement[]): DerElement {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, elements);
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): DerElement {
  return primitive(asn1.Type.OCTETSTRING, Buffer.from(bytes).toString('latin1'));
}

/** OBJECT IDENTIFIER, written with dots. */
export function objectIdentifier(oid: string): DerElement {
  return primitive(asn1.Type.OID, asn1.oidToDer(oid).getBytes());
}

/** INTEGER, from 0 up. */
export function integer(value: number): DerElement {
  return primitive(asn1.Type.INTEGER, asn1.integerToDer(value).getBytes());
}

/** NULL. */
export function nothing(): DerElement {
  return primitive(asn1.Type.NULL, '');
}

/** UTF8String. */
export function utf8String(text: string): DerElement {
  return primitive(asn1.Type.UTF8, Buffer.from(text, 'utf8').toString('latin1'));
}

/** BMPString, as PKCS#9 friendly names are written; the library turns text into two bytes a character. */
export function bmpString(text: string): DerElement {
  return primitive(asn1.Type.BMPSTRING, text);
}

/** `[0]` around an element. */
export function explicit(element: DerElement): DerElement {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, asn1.Type.NONE, true, [element]);
}

/** `[0]` in place of an OCTET STRING's own tag. */
export function implicitOctetString(bytes: Uint8Array): DerElement {
  return asn1.create(
    asn1.Class.CONTEXT_SPECIFIC,
    asn1.Type.NONE,
    false,
    Buffer.from(bytes).toString('latin1'),
  );
}

/** The bytes of a document. */
export function toDer(element: DerElement): Buffer {
  return Buffer.from(asn1.toDer(element).getBytes(), 'latin1');
}

/** Reads a document of exactly these bytes; undefined if they are none. Nesting is bounded by the library. */
export function fromDer(bytes: Uint8Array): DerElement | undefined {
  try {
    return asn1.fromDer(Buffer.from(bytes).toString('latin1'), true);
  } catch {
    return undefined;
  }
}

/** The elements inside a SEQUENCE, a SET or `[0]`; undefined if it is something else. */
export function elementsOf(
  element: DerElement | undefined,
  kind: 'sequence' | 'set' | 'explicit',
): readonly DerElement[] | undefined {
  const [tagClass, type] = {
    sequence: [asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE],
    set: [asn1.Class.UNIVERSAL, asn1.Type.SET],
    explicit: [asn1.Class.CONTEXT_SPECIFIC, asn1.Type.NONE],
  }[kind];
  if (!element?.constructed || element.tagClass !== tagClass || element.type !== type) return undefined;
  return Array.isArray(element.value) ? element.value : undefined;
}

/** The bytes of an OCTET STRING, or of `[0]` in its place; undefined if it is something else. */
export function octetsOf(element: DerElement | undefined): Buffer | undefined {
  return (
    bytesOf(element, asn1.Type.OCTETSTRING) ?? bytesOf(element, asn1.Type.NONE, asn1.Class.CONTEXT_SPECIFIC)
  );
}

/** An object identifier, with dots; undefined if it is something else. */
export function oidOf(element: DerElement | undefined): string | undefined {
  const bytes = bytesOf(element, asn1.Type.OID);
  if (!bytes || bytes.length === 0 || bytes.length > 32) return undefined;
  return asn1.derToOid(bytes.toString('latin1'));
}

/** A small INTEGER from 0 up; undefined if it is something else or takes more than 4 bytes. */
export function integerOf(element: DerElement | undefined): number | undefined {
  const bytes = bytesOf(element, asn1.Type.INTEGER);
  if (!bytes || bytes.length === 0 || bytes.length > 5) return undefined;
  const value = bytes.readIntBE(0, bytes.length);
  return value >= 0 ? value : undefined;
}

/** The text of a UTF8String; undefined if it is something else. */
export function utf8Of(element: DerElement | undefined): string | undefined {
  return bytesOf(element, asn1.Type.UTF8)?.toString('utf8');
}

/** The text of a BMPString; undefined if it is something else. */
export function bmpOf(element: DerElement | undefined): string | undefined {
  if (element?.tagClass !== asn1.Class.UNIVERSAL || element.type !== asn1.Type.BMPSTRING) return undefined;
  return typeof element.value === 'string' ? element.value : undefined;
}

/** A text as UTF-16, big end first. */
export function utf16BigEndian(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

function primitive(type: forge.asn1.Type, value: string): DerElement {
  return asn1.create(asn1.Class.UNIVERSAL, type, false, value);
}

function bytesOf(
  element: DerElement | undefined,
  type: forge.asn1.Type,
  tagClass = asn1.Class.UNIVERSAL,
): Buffer | undefined {
  if (element === undefined || element.constructed) return undefined;
  if (element.tagClass !== tagClass || element.type !== type) return undefined;
  return typeof element.value === 'string' ? Buffer.from(element.value, 'latin1') : undefined;
}
