import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';
import type { EnumerationValue } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { DerValue } from '../../wire/der/decode.js';
import { derSequence } from '../../wire/der/encode.js';
import { derRaw, derSequenceElements, derValues } from '../keys/der.js';
import { derOf } from '../keys/key-object.js';
import { isSignedBy, isSignedStructureBy } from './signature.js';

/** What somebody asks to have certified. */
export interface CertificationRequest {
  readonly publicKey: KeyObject;
  /** Undefined if the request names none. */
  readonly subject: x509.Name | undefined;
  /** Extensions that it asks for. */
  readonly extensions: readonly x509.Extension[];
}

/** How requests are read, by Certificate Request Type (KMIP 1.4 §9.1.3.2.22). */
const READERS: Readonly<Record<string, (bytes: Buffer) => CertificationRequest>> = {
  PKCS_10: readPkcs10,
  PEM: (bytes) => readPkcs10(derOf(bytes)),
  CRMF: readCrmf,
};

/** EXTENSION REQUEST of PKCS#9 (RFC 2985 §5.4.2). */
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';

/**
 * Reads a certificate request, whose sender must have proven that the private key is his.
 *
 * @throws KmipError `InvalidCSR`, `FeatureNotSupported` for types of request that are not certified here
 */
export function readCertificationRequest(
  type: EnumerationValue<'CertificateRequestType'>,
  bytes: Buffer,
): CertificationRequest {
  const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (!reader) {
    throw new KmipError(
      'FeatureNotSupported',
      `Certificate requests of type ${type} are not certified here; use ${Object.keys(READERS).join(', ')}.`,
    );
  }
  try {
    return reader(bytes);
  } catch (error) {
    if (error instanceof KmipError && error.reason === 'InvalidCSR') throw error;
    throw invalid('cannot be read; check that it is of the Certificate Request Type given');
  }
}

function readPkcs10(der: Buffer): CertificationRequest {
  const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
  const publicKey = spkiKey(Buffer.from(request.publicKey.rawData));
  if (!isSignedStructureBy(der, publicKey)) throw invalid('is not signed by its own key');
  const asked = request.attributes.find(({ type }) => type === EXTENSION_REQUEST);
  return {
    publicKey,
    subject: nameOf(request.subjectName),
    extensions: asked instanceof x509.ExtensionsAttribute ? asked.items : [],
  };
}

/** The only CertReqMsg of RFC 4211 §3, with a signature as proof of possession. */
function readCrmf(der: Buffer): CertificationRequest {
  const [message, ...more] = derSequenceElements(der);
  if (!message || more.length > 0) throw invalid('must hold exactly one CertReqMsg');
  const [certRequest, proof] = derValues(message.content);
  const [, template] = certRequest ? derSequenceElements(derRaw(certRequest)) : [];
  const fields = new Map(
    (template ? derSequenceElements(derRaw(template)) : []).map((field) => [
      field.tag & CONTEXT_NUMBER,
      field,
    ]),
  );
  const spki = fields.get(CRMF_PUBLIC_KEY);
  if (!certRequest || !spki) throw invalid('must hold a public key');
  // These fields are tagged implicitly, so the tag of a SEQUENCE is put back.
  const publicKey = spkiKey(derSequence(spki.content));
  demandProof(derRaw(certRequest), proof, publicKey);
  const subject = fields.get(CRMF_SUBJECT);
  const extensions = fields.get(CRMF_EXTENSIONS);
  return {
    publicKey,
    // A Name is a CHOICE, and so tagged explicitly.
    subject: subject && nameOf(new x509.Name(new Uint8Array(subject.content))),
    extensions: extensions
      ? derValues(extensions.content).map((one) => new x509.Extension(new Uint8Array(derRaw(one))))
      : [],
  };
}

const CONTEXT_NUMBER = 0x1f;
const CRMF_SUBJECT = 5;
const CRMF_PUBLIC_KEY = 6;
const CRMF_EXTENSIONS = 9;
/** `[1]` of ProofOfPossession: a POPOSigningKey. */
const PROOF_BY_SIGNATURE = 0xa1;

function demandProof(certRequest: Buffer, proof: DerValue | undefined, publicKey: KeyObject): void {
  const [algorithm, signature] = proof?.tag === PROOF_BY_SIGNATURE ? derValues(proof.content) : [];
  if (!isSignedBy(certRequest, algorithm, signature, publicKey)) {
    throw invalid('must prove possession by a signature over the CertRequest');
  }
}

function spkiKey(spki: Buffer): KeyObject {
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}

function nameOf(name: x509.Name): x509.Name | undefined {
  return name.toJSON().length === 0 ? undefined : name;
}

function invalid(problem: string): KmipError {
  return new KmipError('InvalidCSR', `The certificate request ${problem}.`);
}
