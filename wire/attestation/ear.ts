import * as z from 'zod';

/**
 * Trustworthiness tiers with the AR4SI value at which each begins (draft-ietf-rats-ar4si §2.3). In JSON a tier
 * is written as its name.
 */
export const TRUST_TIERS = {
  none: 0,
  affirming: 2,
  warning: 32,
  contraindicated: 96,
} as const satisfies Record<string, number>;

/** Name of a trustworthiness tier. */
export type TrustTier = keyof typeof TRUST_TIERS;

/** Claims of a trustworthiness vector (draft-ietf-rats-ar4si §2.3.4). */
export const TRUST_CLAIMS = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const;

/** Name of a claim of a trustworthiness vector. */
export type TrustClaim = (typeof TRUST_CLAIMS)[number];

/** Claim values used here (draft-ietf-rats-ar4si §2.3.4); values within a tier are claim-specific. */
export const TRUST_VALUES = {
  /** The verifier looked and found nothing wrong. */
  affirming: 2,
  /** Not as it should be, but not known to be compromised. */
  unsafe: 32,
  /** Compromised, or made to look like something else. */
  contraindicated: 96,
  /** The attester is not one that the verifier knows. */
  unrecognized: 97,
  /** The evidence does not validate cryptographically. */
  cryptoFailed: 99,
} as const satisfies Record<string, number>;

/** Claim value, -128 to 127. */
export type TrustValue = (typeof TRUST_VALUES)[keyof typeof TRUST_VALUES];

/** A trustworthiness vector; a claim that is missing is not asserted. */
export type TrustVector = Partial<Record<TrustClaim, TrustValue>>;

/** The tier of a claim value: of the highest tier that begins at or below it. */
export function tierOf(value: number): TrustTier {
  if (value >= TRUST_TIERS.contraindicated) return 'contraindicated';
  if (value >= TRUST_TIERS.warning) return 'warning';
  return value >= TRUST_TIERS.affirming ? 'affirming' : 'none';
}

/** The status of a vector: its worst tier. */
export function statusOf(vector: TrustVector): TrustTier {
  return tierOf(Math.max(0, ...Object.values(vector)));
}

/** Value of `eat_profile`: the published profile with dotted claim names, which the EAR libraries read. */
export const EAR_PROFILE = 'tag:github.com,2023:veraison/ear';

/** Name of the one submodule of a host's attestation result. */
export const EAR_SUBMODULE = 'esx-host';

const appraisal = z.strictObject({
  'ear.status': z.enum(['none', 'affirming', 'warning', 'contraindicated']),
  'ear.trustworthiness-vector': z.partialRecord(z.enum(TRUST_CLAIMS), z.number().int().min(-128).max(127)),
  /** Names the settings that the verdict was reached under. */
  'ear.appraisal-policy-id': z.url().max(512),
  /** Own claims of the verifier: version of the base image and, if not attested, the reason. */
  'kpsim.base-image': z.string().max(128).optional(),
  'kpsim.reason': z.string().max(64).optional(),
});

/**
 * Claims of an EAT attestation result (EAR), the payload of a `REPORTING_JWT` (draft-ietf-rats-ear, RFC 9711),
 * with the registered JWT claims that make it a token of its own.
 */
export const earClaims = z.strictObject({
  eat_profile: z.literal(EAR_PROFILE),
  iss: z.url().max(512),
  sub: z.string().min(1).max(128),
  iat: z.number().int().nonnegative(),
  nbf: z.number().int().nonnegative(),
  exp: z.number().int().nonnegative(),
  jti: z.uuid(),
  'ear.verifier-id': z.strictObject({ developer: z.string().max(256), build: z.string().max(128) }),
  /** base64url of the challenge's nonce (RFC 9711 §4.1). */
  eat_nonce: z.string().min(8).max(88).optional(),
  submods: z.record(z.string().max(64), appraisal),
});

/** Payload of a `REPORTING_JWT`. */
export type EarClaims = z.infer<typeof earClaims>;
