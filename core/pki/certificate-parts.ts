import type { X509Certificate } from 'node:crypto';

import type { DerValue } from '../../wire/der/decode.js';
import { dottedIdentifier, readDer } from '../../wire/der/decode.js';
import { derElement } from '../../wire/der/encode.js';

const EXTENSIONS_TAG = 0xa3;

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
  const first = fields[0]?.tag === 0xa0 ? 1 : 0;
  const [, , issuer, , subject] = fields.slice(first);
  const [extensions] = elements(fields.find(({ tag }) => tag === EXTENSIONS_TAG)?.content);
  return {
    issuer: encoded(issuer),
    subject: encoded(subject),
    extensions: elements(extensions?.content).map(extensionPart),
  };
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
