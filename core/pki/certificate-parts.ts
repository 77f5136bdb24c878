import type { X509Certificate } from 'node:crypto';

import type { DerValue } from '../../wire/der/decode.js';
import { dottedIdentifier, readDer } from '../../wire/der/decode.js';
import { derElement } from '../../wire/der/encode.js';
import { DER_TAG } from '../../wire/der/tags.js';

const VERSION_TAG = DER_TAG.context;
const EXTENSIONS_TAG = DER_TAG.context | 3;

/** Parts of a certificate that Node does not tell, in DER. */
export interface CertificateParts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly extensions: readonly ExtensionPart[];
}

/** One extension of a certificate. */
export interface ExtensionPart {
  /** Dotted. */
  readonly identifier: string;
  /** What the OCTET STRING is around. */
  readonly value: Buffer;
  /** The whole of it. */
  readonly encoded: Buffer;
}

/** The parts of a certificate (RFC 5280 §4.1), which Node has parsed and so is well formed. */
export function certificateParts({ raw }: Pick<X509Certificate, 'raw'>): CertificateParts {
  const [certificate] = elements(raw);
  const [content] = elements(certificate?.content);
  const fields = elements(content?.content);
  // Certificates of version 1 do not tell their version.
  const first = fields[0]?.tag === VERSION_TAG ? 1 : 0;
  const [, , issuer, , subject] = fields.slice(first);
  const [extensions] = elements(fields.find(({ tag }) => tag === EXTENSIONS_TAG)?.content);
  return {
    issuer: encoded(issuer),
    subject: encoded(subject),
    extensions: elements(extensions?.content).map(extensionPart),
  };
}

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** Dotted. */
  readonly identifier: string;
  readonly text: string;
}

/** The attributes of a Name (RFC 5280 §4.1.2.4), in its order. @param name in DER */
export function attributesOfName(name: Buffer): NameAttribute[] {
  const [parts] = elements(name);
  return elements(parts?.content)
    .flatMap(({ content }) => elements(content))
    .map(({ content }) => {
      const [identifier, value] = elements(content);
      return {
        identifier: dottedIdentifier(identifier?.content ?? Buffer.alloc(0)),
        text: value ? textOf(value) : '',
      };
    });
}

/** Character sets of texts by their tags (X.680 §41) that are not one byte a character. */
const WIDE_TEXTS: Readonly<Record<number, (content: Buffer) => string>> = {
  [DER_TAG.utf8String]: (content) => content.toString('utf8'),
  [DER_TAG.bmpString]: (content) =>
    Buffer.from(content.subarray(0, content.length & ~1))
      .swap16()
      .toString('utf16le'),
};

function textOf({ tag, content }: DerValue): string {
  return WIDE_TEXTS[tag]?.(content) ?? content.toString('latin1');
}

function extensionPart(extension: DerValue): ExtensionPart {
  const parts = elements(extension.content);
  return {
    identifier: dottedIdentifier(parts[0]?.content ?? Buffer.alloc(0)),
    value: parts.at(-1)?.content ?? Buffer.alloc(0),
    encoded: encoded(extension),
  };
}

function elements(content: Buffer | undefined): DerValue[] {
  const found = content && readDer(content);
  return found ?? [];
}

function encoded(value: DerValue | undefined): Buffer {
  return value ? derElement(value.tag, value.content) : Buffer.alloc(0);
}
