import type { KeyObject, X509Certificate } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';
import type { CertificateProfile } from '../../core/pki/index.js';
import { publicKeyOf } from '../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';

/** Extended key usage of an endorsement certificate, tcg-kp-EKCertificate (TCG EK Credential Profile §3.2.16). */
export const EK_CERTIFICATE_USAGE = '2.23.133.8.1';

/** Attributes of the directory name that says what the TPM is (TCG EK Credential Profile §3.2.9). */
const TPM_ATTRIBUTE = {
  manufacturer: '2.23.133.2.1',
  model: '2.23.133.2.2',
  version: '2.23.133.2.3',
} as const;

const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
/** `[4] EXPLICIT Name` of GeneralName and SEQUENCE of GeneralNames, in DER. */
const DIRECTORY_NAME_TAG = 0xa4;
const SEQUENCE_TAG = 0x30;

/** Who can sign endorsement certificates; `CertificateAuthority` is one. */
export interface EkIssuer {
  issueFor(publicKey: KeyObject, profile: CertificateProfile): X509Certificate | Promise<X509Certificate>;
}

/** What an endorsement certificate says about the TPM. */
export interface TpmIdentity {
  /** Four characters, registered with the TCG (ours is not: own choice). */
  readonly manufacturer: string;
  readonly model: string;
  /** Firmware version: the high 32 bits are reported. */
  readonly firmwareVersion: bigint;
}

/** How a certificate differs from a proper one. */
export interface EkCertificateProfile {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Object identifiers; tcg-kp-EKCertificate by default. */
  readonly extendedKeyUsages?: readonly string[];
  /** basicConstraints cA, and the key usage that goes with it; false by default. */
  readonly isCa?: boolean;
}

/** Issues the certificate of an endorsement key. @returns DER */
export async function issueEkCertificate(
  issuer: EkIssuer,
  ekPublic: TpmtPublic,
  identity: TpmIdentity,
  profile: EkCertificateProfile = {},
): Promise<Buffer> {
  const certificate = await issuer.issueFor(publicKeyOf(ekPublic), {
    commonName: 'TPM 2.0 endorsement key',
    extendedKeyUsages: profile.extendedKeyUsages ?? [EK_CERTIFICATE_USAGE],
    extensions: [
      new x509.BasicConstraintsExtension(profile.isCa ?? false, undefined, true),
      keyUsage(ekPublic, profile.isCa ?? false),
      new x509.Extension(SUBJECT_ALTERNATIVE_NAME, true, tpmDirectoryName(identity)),
    ].map(({ rawData }) => Buffer.from(rawData)),
    ...(profile.notBefore === undefined ? {} : { notBefore: profile.notBefore }),
    ...(profile.notAfter === undefined ? {} : { notAfter: profile.notAfter }),
  });
  return certificate.raw;
}

function keyUsage(ekPublic: TpmtPublic, isCa: boolean): x509.KeyUsagesExtension {
  const { keyEncipherment, keyAgreement, keyCertSign, cRLSign } = x509.KeyUsageFlags;
  if (isCa) return new x509.KeyUsagesExtension(keyCertSign | cRLSign, true);
  return new x509.KeyUsagesExtension(ekPublic.type === 'RSA' ? keyEncipherment : keyAgreement, true);
}

function tpmDirectoryName(identity: TpmIdentity): ArrayBuffer {
  const versionHex = (identity.firmwareVersion >> 32n).toString(16).padStart(8, '0');
  const manufacturerHex = Buffer.from(identity.manufacturer, 'latin1').toString('hex').toUpperCase();
  const name = new x509.Name([
    { [TPM_ATTRIBUTE.manufacturer]: [{ utf8String: `id:${manufacturerHex}` }] },
    { [TPM_ATTRIBUTE.model]: [{ utf8String: identity.model }] },
    { [TPM_ATTRIBUTE.version]: [{ utf8String: `id:${versionHex.toUpperCase()}` }] },
  ]);
  const der = derOf(SEQUENCE_TAG, derOf(DIRECTORY_NAME_TAG, Buffer.from(name.toArrayBuffer())));
  return new Uint8Array(der).buffer;
}

/** One DER element; contents here have fewer than 65,536 bytes. */
function derOf(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
