import type { KeyObject } from 'node:crypto';

import type { EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';

/** A curve as it is called by others. */
export interface CurveRow {
  /** Name in OpenSSL, and so in Node. */
  readonly openssl: string;
  /** Its identifier in dotted form (SEC 2, X9.62, RFC 5639). */
  readonly oid: string;
  /** Size of the field, which is the Cryptographic Length of its keys. */
  readonly bits: number;
}

/** The curves of the Recommended Curve enumeration that are given by an equation. KMIP 1.4 §9.1.3.2.5. */
export const CURVES = {
  P_192: { openssl: 'prime192v1', oid: '1.2.840.10045.3.1.1', bits: 192 },
  K_163: { openssl: 'sect163k1', oid: '1.3.132.0.1', bits: 163 },
  B_163: { openssl: 'sect163r2', oid: '1.3.132.0.15', bits: 163 },
  P_224: { openssl: 'secp224r1', oid: '1.3.132.0.33', bits: 224 },
  K_233: { openssl: 'sect233k1', oid: '1.3.132.0.26', bits: 233 },
  B_233: { openssl: 'sect233r1', oid: '1.3.132.0.27', bits: 233 },
  P_256: { openssl: 'prime256v1', oid: '1.2.840.10045.3.1.7', bits: 256 },
  K_283: { openssl: 'sect283k1', oid: '1.3.132.0.16', bits: 283 },
  B_283: { openssl: 'sect283r1', oid: '1.3.132.0.17', bits: 283 },
  P_384: { openssl: 'secp384r1', oid: '1.3.132.0.34', bits: 384 },
  K_409: { openssl: 'sect409k1', oid: '1.3.132.0.36', bits: 409 },
  B_409: { openssl: 'sect409r1', oid: '1.3.132.0.37', bits: 409 },
  P_521: { openssl: 'secp521r1', oid: '1.3.132.0.35', bits: 521 },
  K_571: { openssl: 'sect571k1', oid: '1.3.132.0.38', bits: 571 },
  B_571: { openssl: 'sect571r1', oid: '1.3.132.0.39', bits: 571 },
  SECP112R1: { openssl: 'secp112r1', oid: '1.3.132.0.6', bits: 112 },
  SECP112R2: { openssl: 'secp112r2', oid: '1.3.132.0.7', bits: 112 },
  SECP128R1: { openssl: 'secp128r1', oid: '1.3.132.0.28', bits: 128 },
  SECP128R2: { openssl: 'secp128r2', oid: '1.3.132.0.29', bits: 128 },
  SECP160K1: { openssl: 'secp160k1', oid: '1.3.132.0.9', bits: 160 },
  SECP160R1: { openssl: 'secp160r1', oid: '1.3.132.0.8', bits: 160 },
  SECP160R2: { openssl: 'secp160r2', oid: '1.3.132.0.30', bits: 160 },
  SECP192K1: { openssl: 'secp192k1', oid: '1.3.132.0.31', bits: 192 },
  SECP224K1: { openssl: 'secp224k1', oid: '1.3.132.0.32', bits: 224 },
  SECP256K1: { openssl: 'secp256k1', oid: '1.3.132.0.10', bits: 256 },
  SECT113R1: { openssl: 'sect113r1', oid: '1.3.132.0.4', bits: 113 },
  SECT113R2: { openssl: 'sect113r2', oid: '1.3.132.0.5', bits: 113 },
  SECT131R1: { openssl: 'sect131r1', oid: '1.3.132.0.22', bits: 131 },
  SECT131R2: { openssl: 'sect131r2', oid: '1.3.132.0.23', bits: 131 },
  SECT163R1: { openssl: 'sect163r1', oid: '1.3.132.0.2', bits: 163 },
  SECT193R1: { openssl: 'sect193r1', oid: '1.3.132.0.24', bits: 193 },
  SECT193R2: { openssl: 'sect193r2', oid: '1.3.132.0.25', bits: 193 },
  SECT239K1: { openssl: 'sect239k1', oid: '1.3.132.0.3', bits: 239 },
  ANSIX9P192V2: { openssl: 'prime192v2', oid: '1.2.840.10045.3.1.2', bits: 192 },
  ANSIX9P192V3: { openssl: 'prime192v3', oid: '1.2.840.10045.3.1.3', bits: 192 },
  ANSIX9P239V1: { openssl: 'prime239v1', oid: '1.2.840.10045.3.1.4', bits: 239 },
  ANSIX9P239V2: { openssl: 'prime239v2', oid: '1.2.840.10045.3.1.5', bits: 239 },
  ANSIX9P239V3: { openssl: 'prime239v3', oid: '1.2.840.10045.3.1.6', bits: 239 },
  ANSIX9C2PNB163V1: { openssl: 'c2pnb163v1', oid: '1.2.840.10045.3.0.1', bits: 163 },
  ANSIX9C2PNB163V2: { openssl: 'c2pnb163v2', oid: '1.2.840.10045.3.0.2', bits: 163 },
  ANSIX9C2PNB163V3: { openssl: 'c2pnb163v3', oid: '1.2.840.10045.3.0.3', bits: 163 },
  ANSIX9C2PNB176V1: { openssl: 'c2pnb176v1', oid: '1.2.840.10045.3.0.4', bits: 176 },
  ANSIX9C2TNB191V1: { openssl: 'c2tnb191v1', oid: '1.2.840.10045.3.0.5', bits: 191 },
  ANSIX9C2TNB191V2: { openssl: 'c2tnb191v2', oid: '1.2.840.10045.3.0.6', bits: 191 },
  ANSIX9C2TNB191V3: { openssl: 'c2tnb191v3', oid: '1.2.840.10045.3.0.7', bits: 191 },
  ANSIX9C2PNB208W1: { openssl: 'c2pnb208w1', oid: '1.2.840.10045.3.0.10', bits: 208 },
  ANSIX9C2TNB239V1: { openssl: 'c2tnb239v1', oid: '1.2.840.10045.3.0.11', bits: 239 },
  ANSIX9C2TNB239V2: { openssl: 'c2tnb239v2', oid: '1.2.840.10045.3.0.12', bits: 239 },
  ANSIX9C2TNB239V3: { openssl: 'c2tnb239v3', oid: '1.2.840.10045.3.0.13', bits: 239 },
  ANSIX9C2PNB272W1: { openssl: 'c2pnb272w1', oid: '1.2.840.10045.3.0.16', bits: 272 },
  ANSIX9C2PNB304W1: { openssl: 'c2pnb304w1', oid: '1.2.840.10045.3.0.17', bits: 304 },
  ANSIX9C2TNB359V1: { openssl: 'c2tnb359v1', oid: '1.2.840.10045.3.0.18', bits: 359 },
  ANSIX9C2PNB368W1: { openssl: 'c2pnb368w1', oid: '1.2.840.10045.3.0.19', bits: 368 },
  ANSIX9C2TNB431R1: { openssl: 'c2tnb431r1', oid: '1.2.840.10045.3.0.20', bits: 431 },
  BRAINPOOLP160R1: { openssl: 'brainpoolP160r1', oid: '1.3.36.3.3.2.8.1.1.1', bits: 160 },
  BRAINPOOLP160T1: { openssl: 'brainpoolP160t1', oid: '1.3.36.3.3.2.8.1.1.2', bits: 160 },
  BRAINPOOLP192R1: { openssl: 'brainpoolP192r1', oid: '1.3.36.3.3.2.8.1.1.3', bits: 192 },
  BRAINPOOLP192T1: { openssl: 'brainpoolP192t1', oid: '1.3.36.3.3.2.8.1.1.4', bits: 192 },
  BRAINPOOLP224R1: { openssl: 'brainpoolP224r1', oid: '1.3.36.3.3.2.8.1.1.5', bits: 224 },
  BRAINPOOLP224T1: { openssl: 'brainpoolP224t1', oid: '1.3.36.3.3.2.8.1.1.6', bits: 224 },
  BRAINPOOLP256R1: { openssl: 'brainpoolP256r1', oid: '1.3.36.3.3.2.8.1.1.7', bits: 256 },
  BRAINPOOLP256T1: { openssl: 'brainpoolP256t1', oid: '1.3.36.3.3.2.8.1.1.8', bits: 256 },
  BRAINPOOLP320R1: { openssl: 'brainpoolP320r1', oid: '1.3.36.3.3.2.8.1.1.9', bits: 320 },
  BRAINPOOLP320T1: { openssl: 'brainpoolP320t1', oid: '1.3.36.3.3.2.8.1.1.10', bits: 320 },
  BRAINPOOLP384R1: { openssl: 'brainpoolP384r1', oid: '1.3.36.3.3.2.8.1.1.11', bits: 384 },
  BRAINPOOLP384T1: { openssl: 'brainpoolP384t1', oid: '1.3.36.3.3.2.8.1.1.12', bits: 384 },
  BRAINPOOLP512R1: { openssl: 'brainpoolP512r1', oid: '1.3.36.3.3.2.8.1.1.13', bits: 512 },
  BRAINPOOLP512T1: { openssl: 'brainpoolP512t1', oid: '1.3.36.3.3.2.8.1.1.14', bits: 512 },
} as const satisfies Partial<Record<NameIn<'RecommendedCurve'>, CurveRow>>;

/** Name of a curve of {@link CURVES}. */
export type CurveName = keyof typeof CURVES;

const BY_OPENSSL_NAME = new Map<string, CurveName>(
  Object.entries(CURVES).map(([name, row]) => [row.openssl, name as CurveName]),
);

/** The row of a curve. @throws KmipError `InvalidField` for one without an equation (CURVE25519, CURVE448, extensions) */
export function curveRow(curve: EnumerationValue<'RecommendedCurve'>): CurveRow {
  if (typeof curve === 'string' && Object.hasOwn(CURVES, curve)) return CURVES[curve as CurveName];
  throw new KmipError(
    'InvalidField',
    `Recommended Curve ${curve} has no EC keys here; P_256, P_384 and P_521 are served everywhere.`,
  );
}

/** The curve of an EC key. @throws KmipError `InvalidField` for a curve that the enumeration does not name */
export function curveOf(key: KeyObject): CurveName {
  const curve = BY_OPENSSL_NAME.get(key.asymmetricKeyDetails?.namedCurve ?? '');
  if (curve) return curve;
  throw new KmipError('InvalidField', 'The key is on a curve that KMIP has no name for. Use a named curve.');
}
