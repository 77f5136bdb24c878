import { ECC_CURVES } from './algorithms.js';
import type { EccCurve } from './algorithms.js';
import type { SymmetricDefinition } from './algorithm-codec.js';
import { TPMA_OBJECT } from './constants.js';
import type { EccPublic, RsaPublic, TpmtPublic } from './public-area.js';

const AES_128_CFB: SymmetricDefinition = { algorithm: 'AES', keyBits: 128, mode: 'CFB' };
const NO_POLICY = Buffer.alloc(0);

/** Digest of PolicySecret(TPM_RH_ENDORSEMENT) with SHA-256 (TCG EK Credential Profile §B.3). */
export const EK_POLICY_SHA256 = Buffer.from(
  '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa',
  'hex',
);

const MADE_HERE = TPMA_OBJECT.FIXED_TPM | TPMA_OBJECT.FIXED_PARENT | TPMA_OBJECT.SENSITIVE_DATA_ORIGIN;

const EK_ATTRIBUTES =
  MADE_HERE | TPMA_OBJECT.ADMIN_WITH_POLICY | TPMA_OBJECT.RESTRICTED | TPMA_OBJECT.DECRYPT;

const SRK_ATTRIBUTES =
  MADE_HERE | TPMA_OBJECT.USER_WITH_AUTH | TPMA_OBJECT.NO_DA | TPMA_OBJECT.RESTRICTED | TPMA_OBJECT.DECRYPT;

/** Attributes of a proper attestation key: made in this TPM, never leaves it, signs only what the TPM made. */
export const AK_ATTRIBUTES =
  MADE_HERE | TPMA_OBJECT.USER_WITH_AUTH | TPMA_OBJECT.NO_DA | TPMA_OBJECT.RESTRICTED | TPMA_OBJECT.SIGN;

/** Endorsement keys with standard templates. */
export type EkAlgorithm = 'rsa2048' | 'p256';

/** Where the standard puts the endorsement key of an algorithm and its certificate, and with which template it is made. */
export interface EkRow {
  /** Persistent handle */
  readonly handle: number;
  /** NV index of the certificate */
  readonly certificateNvIndex: number;
  readonly template: TpmtPublic;
}

/**
 * Endorsement keys: templates L-1 and L-2 and their NV indices (TCG EK Credential Profile §B.3, §2.2.1.4). The handle
 * of the RSA key is the usual one (TPM v2.0 Provisioning Guidance §7.8); that of the P-256 key is an own choice.
 */
export const ENDORSEMENT_KEYS = {
  rsa2048: {
    handle: 0x81010001,
    certificateNvIndex: 0x01c00002,
    template: rsaTemplate({
      attributes: EK_ATTRIBUTES,
      authPolicy: EK_POLICY_SHA256,
      symmetric: AES_128_CFB,
    }),
  },
  p256: {
    handle: 0x81010002,
    certificateNvIndex: 0x01c0000a,
    template: eccTemplate({
      attributes: EK_ATTRIBUTES,
      authPolicy: EK_POLICY_SHA256,
      symmetric: AES_128_CFB,
      unique: Buffer.alloc(ECC_CURVES.NIST_P256.coordinateBytes),
    }),
  },
} as const satisfies Record<EkAlgorithm, EkRow>;

/** Template of a storage root key on P-256 (TPM v2.0 Provisioning Guidance §7.5.1, with ECC). */
export const SRK_TEMPLATE_P256: EccPublic = eccTemplate({
  attributes: SRK_ATTRIBUTES,
  authPolicy: NO_POLICY,
  symmetric: AES_128_CFB,
  unique: Buffer.alloc(ECC_CURVES.NIST_P256.coordinateBytes),
});

/** Attestation keys that are spoken of. */
export type AkAlgorithm =
  'p256-ecdsa-sha256' | 'p384-ecdsa-sha384' | 'rsa2048-rsassa-sha256' | 'rsa2048-rsapss-sha256';

/** Templates of attestation keys. */
export const AK_TEMPLATES = {
  'p256-ecdsa-sha256': eccTemplate({
    attributes: AK_ATTRIBUTES,
    authPolicy: NO_POLICY,
    scheme: { scheme: 'ECDSA', hashAlg: 'SHA256' },
  }),
  'p384-ecdsa-sha384': eccTemplate({
    attributes: AK_ATTRIBUTES,
    authPolicy: NO_POLICY,
    curve: 'NIST_P384',
    scheme: { scheme: 'ECDSA', hashAlg: 'SHA384' },
  }),
  'rsa2048-rsassa-sha256': rsaTemplate({
    attributes: AK_ATTRIBUTES,
    authPolicy: NO_POLICY,
    scheme: { scheme: 'RSASSA', hashAlg: 'SHA256' },
  }),
  'rsa2048-rsapss-sha256': rsaTemplate({
    attributes: AK_ATTRIBUTES,
    authPolicy: NO_POLICY,
    scheme: { scheme: 'RSAPSS', hashAlg: 'SHA256' },
  }),
} as const satisfies Record<AkAlgorithm, TpmtPublic>;

interface TemplateFields {
  readonly attributes: number;
  readonly authPolicy: Buffer;
  readonly symmetric?: SymmetricDefinition;
  readonly scheme?: NonNullable<TpmtPublic['scheme']>;
  readonly curve?: EccCurve;
  readonly unique?: Buffer;
}

function eccTemplate(fields: TemplateFields): EccPublic {
  const unique = fields.unique ?? Buffer.alloc(0);
  return {
    type: 'ECC',
    nameAlg: 'SHA256',
    objectAttributes: fields.attributes,
    authPolicy: fields.authPolicy,
    symmetric: fields.symmetric,
    scheme: fields.scheme,
    curve: fields.curve ?? 'NIST_P256',
    unique: { x: unique, y: unique },
  };
}

function rsaTemplate(fields: TemplateFields): RsaPublic {
  return {
    type: 'RSA',
    nameAlg: 'SHA256',
    objectAttributes: fields.attributes,
    authPolicy: fields.authPolicy,
    symmetric: fields.symmetric,
    scheme: fields.scheme,
    keyBits: 2048,
    exponent: 0,
    unique: fields.symmetric === undefined ? Buffer.alloc(0) : Buffer.alloc(256),
  };
}
