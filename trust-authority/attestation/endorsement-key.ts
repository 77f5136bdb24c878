import type { KeyObject, X509Certificate } from 'node:crypto';
import { createPublicKey, hash } from 'node:crypto';

import { errorText } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import { parseCertificate } from '../../core/pki/index.js';
import { LruMap } from '../lru-map.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { AttestIdentity } from '../../wire/attestation/index.js';
import { ENDORSEMENT_KEYS, decodeTpm2bPublic, publicKeyOf } from '../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';
import { judgedCertificate } from './trust-anchors.js';
import type { JudgedCertificate } from './trust-anchors.js';

/** Bytes of the modulus of a key made with the standard RSA template. */
const RSA_2048_BYTES = 256;

/** Who a host says it is. */
export interface PresentedIdentity {
  /** The endorsement key as sent or, where only its certificate was, with the standard template. */
  readonly ekPublic: TpmtPublic;
  /** {@link keyFingerprint} of that key. */
  readonly fingerprint: string;
  readonly certificate: X509Certificate | undefined;
  /** The certificate with what is judged of it, as long as no path of it is known. */
  readonly presented: JudgedCertificate | undefined;
  /** {@link keyFingerprint} of the key in the certificate; undefined if that is of a kind that is not supported. */
  readonly certifiedFingerprint: string | undefined;
  /** SHA-256 over what was sent, hex: both rounds of an exchange must present the same. */
  readonly digestHex: string;
}

/** SHA-256 over a public key's DER SubjectPublicKeyInfo, lower-case hex. */
export function keyFingerprint(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' }), 'hex');
}

/** Identities that are remembered: every host presents its own twice in each attestation. */
const REMEMBERED_IDENTITIES = 4096;

/** Reads identities, and remembers them by what was sent: parsing a certificate costs as much as a signature. */
export class PresentedIdentities {
  readonly #known = new LruMap<string, PresentedIdentity>(REMEMBERED_IDENTITIES);

  /**
   * Reads an identity, which may be hostile. Whether it is to be trusted is not judged here.
   *
   * @throws AttestationError `malformed_evidence` if the key is none, `ek_cert_profile` if the certificate is none for
   *   an endorsement key of a standard template
   */
  read(identity: AttestIdentity): PresentedIdentity {
    const certificateDer = bytesOf(identity.ek_cert);
    const publicBytes = bytesOf(identity.ek_pub);
    const digestHex = identityDigest(certificateDer, publicBytes);
    return this.#known.findOrMake(digestHex, () => presentedIdentity(certificateDer, publicBytes, digestHex));
  }
}

function presentedIdentity(
  certificateDer: Buffer | undefined,
  publicBytes: Buffer | undefined,
  digestHex: string,
): PresentedIdentity {
  const certificate = certificateDer && readCertificate(certificateDer);
  const ekPublic = publicBytes ? readPublic(publicBytes) : templateOf(certificate);
  return {
    ekPublic,
    fingerprint: fingerprintOf(ekPublic),
    certificate,
    presented: certificate && judgedCertificate(certificate),
    certifiedFingerprint: certificate && certificateKeyFingerprint(certificate),
    digestHex,
  };
}

/** SHA-256 over the digests of both parts. */
function identityDigest(...parts: readonly (Buffer | undefined)[]): string {
  const digests = parts.map((part) => hash('sha256', part ?? '', 'buffer'));
  return hash('sha256', Buffer.concat(digests), 'hex');
}

/** The fingerprint of the key in a certificate; undefined if the key is of a kind that is not supported. */
function certificateKeyFingerprint(certificate: X509Certificate): string | undefined {
  try {
    return keyFingerprint(certificate.publicKey);
  } catch {
    return undefined;
  }
}

/** The fingerprint of a registered key. @throws VapiError `INVALID_ARGUMENT`, which names the field */
export function registeredKeyFingerprint(spec: {
  readonly public_key?: string | undefined;
  readonly certificate?: string | undefined;
}): string {
  if (spec.certificate !== undefined) {
    const fingerprint = certificateKeyFingerprint(registeredCertificate(spec.certificate));
    if (fingerprint !== undefined) return fingerprint;
    throw new VapiError(
      'INVALID_ARGUMENT',
      'certificate: its key is neither RSA nor on a NIST curve. Send the certificate of an endorsement key.',
    );
  }
  try {
    return keyFingerprint(createPublicKey(spec.public_key ?? ''));
  } catch (error) {
    throw new VapiError(
      'INVALID_ARGUMENT',
      'public_key: not a public key in PEM. Send the endorsement key as BEGIN PUBLIC KEY … END PUBLIC KEY.',
      { cause: error },
    );
  }
}

function registeredCertificate(pem: string): X509Certificate {
  try {
    return parseCertificate(pem);
  } catch (error) {
    throw new VapiError('INVALID_ARGUMENT', `certificate: ${errorText(error)}`, { cause: error });
  }
}

function bytesOf(base64: string | undefined): Buffer | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64');
}

function readCertificate(der: Buffer): X509Certificate {
  try {
    return parseCertificate(der);
  } catch (error) {
    throw new AttestationError('ek_cert_profile', 'ek_cert is not an X.509 certificate in DER.', {
      cause: error,
    });
  }
}

function readPublic(bytes: Buffer): TpmtPublic {
  try {
    return decodeTpm2bPublic(bytes);
  } catch (error) {
    throw new AttestationError('malformed_evidence', `ek_pub: ${errorText(error)}`, { cause: error });
  }
}

function fingerprintOf(area: TpmtPublic): string {
  try {
    return keyFingerprint(publicKeyOf(area));
  } catch (error) {
    throw new AttestationError('malformed_evidence', `ek_pub: ${errorText(error)}`, { cause: error });
  }
}

/** The public area that the TPM made the certified key with, if it used the standard template for its kind. */
function templateOf(certificate: X509Certificate | undefined): TpmtPublic {
  const jwk = certificate && publicJwk(certificate);
  if (jwk?.kty === 'RSA' && jwk.n !== undefined && jwk.e === 'AQAB') {
    const unique = Buffer.from(jwk.n, 'base64url');
    const { template } = ENDORSEMENT_KEYS.rsa2048;
    if (unique.length === RSA_2048_BYTES) return { ...template, unique };
  }
  if (jwk?.kty === 'EC' && jwk.crv === 'P-256' && jwk.x !== undefined && jwk.y !== undefined) {
    const unique = { x: Buffer.from(jwk.x, 'base64url'), y: Buffer.from(jwk.y, 'base64url') };
    const { template } = ENDORSEMENT_KEYS.p256;
    return { ...template, unique };
  }
  throw new AttestationError(
    'ek_cert_profile',
    'Its key is neither RSA 2048 nor P-256. For any other kind, send ek_pub as well.',
  );
}

interface PublicJwk {
  readonly kty?: string;
  readonly n?: string;
  readonly e?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
}

function publicJwk(certificate: X509Certificate): PublicJwk | undefined {
  try {
    return certificate.publicKey.export({ format: 'jwk' });
  } catch {
    return undefined;
  }
}
