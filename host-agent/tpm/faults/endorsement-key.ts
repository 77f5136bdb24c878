import { randomBytes } from 'node:crypto';
import { systemClock } from '../../../core/clock.js';
import { EXTENDED_KEY_USAGE } from '../../../core/pki/index.js';
import { createObject, RANDOM_KEYS } from '../object-creation.js';
import type { EkCertificateProfile } from '../ek-certificate.js';
import type { FaultRow, TpmFaultStages } from '../fault-stages.js';
import type { ManufactureOptions } from '../manufacture.js';
import { createTpmVendor } from '../tpm-vendor.js';
import { ENDORSEMENT_KEYS } from '../../../wire/tpm2/index.js';
import type { EkAlgorithm, TpmtPublic } from '../../../wire/tpm2/index.js';

type ManufactureFault = FaultRow<TpmFaultStages, 'manufacture'>;

const DAY_MS = 86_400_000;
const SEED_BYTES = 64;

function withCertificate(options: ManufactureOptions, profile: EkCertificateProfile): ManufactureOptions {
  const given = options.certificate === false ? {} : options.certificate;
  return { ...options, certificate: { ...given, ...profile } };
}

function daysFromNow(options: ManufactureOptions, days: number): Date {
  return new Date((options.clock ?? systemClock).now() + days * DAY_MS);
}

/** The public area of a key that no TPM has. */
function strangerKey(algorithm: EkAlgorithm): TpmtPublic {
  const nothing = { userAuth: Buffer.alloc(0), data: Buffer.alloc(0) };
  return createObject(ENDORSEMENT_KEYS[algorithm].template, nothing, RANDOM_KEYS).publicArea;
}

/** Faults of the endorsement key and its certificate; they take effect when the TPM is made. */
export const ENDORSEMENT_KEY_FAULTS: readonly ManufactureFault[] = [
  {
    name: 'ek-certificate-expired',
    catalogueNumbers: [1],
    sentence: 'The endorsement certificate expired yesterday.',
    stage: 'manufacture',
    apply: (options) =>
      withCertificate(options, { notBefore: daysFromNow(options, -30), notAfter: daysFromNow(options, -1) }),
  },
  {
    name: 'ek-certificate-not-yet-valid',
    catalogueNumbers: [2],
    sentence: 'The endorsement certificate becomes valid in thirty days.',
    stage: 'manufacture',
    apply: (options) =>
      withCertificate(options, { notBefore: daysFromNow(options, 30), notAfter: daysFromNow(options, 60) }),
  },
  {
    name: 'ek-ca-untrusted',
    catalogueNumbers: [3],
    sentence: 'The endorsement certificate was issued by a TPM vendor that nobody knows.',
    stage: 'manufacture',
    apply: async (options) => {
      const stranger = await createTpmVendor({
        name: 'Unknown TPM vendor',
        ...(options.clock === undefined ? {} : { clock: options.clock }),
      });
      return { ...options, ekCa: stranger.issuing };
    },
  },
  {
    name: 'ek-ca-revoked',
    catalogueNumbers: [4],
    sentence: 'The endorsement certificate was issued by an authority that the vendor has revoked.',
    stage: 'manufacture',
    apply: (options, vendor) => ({ ...options, ekCa: vendor.revoked }),
  },
  {
    name: 'ek-certificate-usage-wrong',
    catalogueNumbers: [5],
    sentence: 'The endorsement certificate is one for a TLS client.',
    stage: 'manufacture',
    apply: (options) => withCertificate(options, { extendedKeyUsages: [EXTENDED_KEY_USAGE.clientAuth] }),
  },
  {
    name: 'ek-certificate-is-ca',
    catalogueNumbers: [5],
    sentence: 'The endorsement certificate says that it is a certificate authority.',
    stage: 'manufacture',
    apply: (options) => withCertificate(options, { isCa: true }),
  },
  {
    name: 'ek-certificate-mismatch',
    catalogueNumbers: [6],
    sentence: 'The endorsement certificate is for a key that the TPM does not have.',
    stage: 'manufacture',
    apply: (options) => ({
      ...options,
      certifiedKeys: { rsa2048: strangerKey('rsa2048'), p256: strangerKey('p256') },
    }),
  },
  {
    name: 'ek-certificate-missing',
    catalogueNumbers: [7],
    sentence: 'The TPM has no endorsement certificate.',
    stage: 'manufacture',
    apply: (options) => ({ ...options, certificate: false }),
  },
  {
    name: 'ek-not-registered',
    catalogueNumbers: [8],
    sentence: 'The TPM has an endorsement key that no administrator has registered.',
    stage: 'manufacture',
    apply: (options) => ({ ...options, endorsementSeed: randomBytes(SEED_BYTES) }),
  },
  {
    name: 'tpm-replaced',
    catalogueNumbers: [9],
    sentence: 'The host has another TPM than when it first attested.',
    stage: 'manufacture',
    apply: (options) => ({ ...options, endorsementSeed: randomBytes(SEED_BYTES) }),
  },
];
