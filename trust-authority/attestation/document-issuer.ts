import { sign } from 'node:crypto';

import type { ServiceContext } from '../../core/context.js';
import { VERSION } from '../../core/version.js';
import {
  APPRAISAL_STEPS,
  ATTESTATION_REASONS,
  DOCUMENT_TYPE_ROWS,
  EAR_PROFILE,
  EAR_SUBMODULE,
  TOKEN_ALGORITHM,
  TRUST_TIERS,
  TRUST_VALUES,
  kmsAudience,
  reasonRow,
  statusOf,
} from '../../wire/attestation/index.js';
import type {
  DocumentType,
  EarClaims,
  KmsAuthClaims,
  ReasonRow,
  StepName,
  TokenHeader,
  TrustClaim,
  TrustTier,
  TrustVector,
} from '../../wire/attestation/index.js';
import type { KeyPair } from '../pki/key-pairs.js';
import type { Appraisal } from './appraisal/appraisal.js';
import type { ChallengeState } from './challenges.js';

/** What documents say of their issuer. */
export interface IssuerOptions {
  readonly context: ServiceContext;
  /** URL of the attestation service, `iss`. */
  readonly issuer: string;
  readonly group: string;
  readonly lifetimeSeconds: number;
}

/** What a document is about. */
export interface DocumentSubject {
  readonly appraisal: Appraisal;
  readonly state: ChallengeState;
  /** Fingerprint of the service's settings, under which the verdict was reached. */
  readonly policy: string;
  /** Version of the base image that the host booted, if it is a trusted one. */
  readonly baseImage: string | undefined;
}

/** Issues documents: JSON Web Tokens signed with ES256 under the service's signing certificate. */
export class DocumentIssuer {
  readonly #options: IssuerOptions;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** A document; undefined for a KMS_AUTH_JWT about a host that did not attest. */
  issue(type: DocumentType, subject: DocumentSubject, key: KeyPair): string | undefined {
    if (type === 'KMS_AUTH_JWT' && !subject.appraisal.attested) return undefined;
    const claims = type === 'KMS_AUTH_JWT' ? this.#kmsAuth(subject) : this.#report(subject);
    const { typ } = DOCUMENT_TYPE_ROWS[type];
    return signedToken({ alg: TOKEN_ALGORITHM, typ, kid: key.certificateSha256 }, claims, key);
  }

  #kmsAuth({ state }: DocumentSubject): KmsAuthClaims {
    return {
      ...this.#common(state),
      aud: kmsAudience(this.#options.group),
      group: this.#options.group,
      cnf: { jwk: state.hostKeyJwk, 'x5t#S256': state.clientCertificateSha256 },
    };
  }

  #report({ appraisal, state, policy, baseImage }: DocumentSubject): EarClaims {
    const vector = trustVectorOf(appraisal);
    return {
      ...this.#common(state),
      eat_profile: EAR_PROFILE,
      eat_nonce: Buffer.from(state.nonce, 'base64').toString('base64url'),
      'ear.verifier-id': { developer: 'kpsim', build: `kpsim ${VERSION}` },
      submods: {
        [EAR_SUBMODULE]: {
          'ear.status': earStatusOf(appraisal, vector),
          'ear.trustworthiness-vector': vector,
          'ear.appraisal-policy-id': `${this.#options.issuer}/api/esx/attestation/raw-config#${policy}`,
          ...(baseImage !== undefined && { 'kpsim.base-image': baseImage }),
          ...(appraisal.reason !== undefined && { 'kpsim.reason': appraisal.reason }),
        },
      },
    };
  }

  #common(state: ChallengeState) {
    const { context, issuer, lifetimeSeconds } = this.#options;
    const now = Math.floor(context.clock.now() / 1000);
    return {
      iss: issuer,
      sub: state.hostId,
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      jti: context.rng.uuid(),
    };
  }
}

/** A JSON Web Token as compact JWS with ES256 (RFC 7515 §7.1, RFC 7518 §3.4). */
function signedToken(header: TokenHeader, claims: object, { privateKey }: KeyPair): string {
  const [protectedHeader, payload] = [header, claims].map((part) =>
    Buffer.from(JSON.stringify(part), 'utf8').toString('base64url'),
  );
  const input = `${protectedHeader ?? ''}.${payload ?? ''}`;
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** Steps by the trust claim that their reasons are about. */
const STEPS_BY_CLAIM: ReadonlyMap<TrustClaim, ReadonlySet<StepName>> = stepsByClaim();

/**
 * The trustworthiness vector of an appraisal: the worst value that a failed step gives to a claim; affirming where
 * every step about it passed; no assertion where one could not be evaluated.
 */
export function trustVectorOf(appraisal: Appraisal): TrustVector {
  const vector: TrustVector = {};
  for (const { reason } of appraisal.steps) {
    const told = reason === undefined ? undefined : reasonRow(reason).claim;
    if (!told) continue;
    const [claim, value] = told;
    const worst = vector[claim];
    if (worst === undefined || value > worst) vector[claim] = value;
  }
  for (const [claim, steps] of STEPS_BY_CLAIM) {
    const unknown =
      appraisal.lacking.some((step) => steps.has(step)) ||
      (claim === 'instance-identity' && !isVouchedFor(appraisal));
    if (vector[claim] === undefined && !unknown) vector[claim] = TRUST_VALUES.affirming;
  }
  return vector;
}

/** Whether an authority or an administrator knows the TPM: without either, its identity is not affirmed. */
function isVouchedFor({ steps }: Appraisal): boolean {
  return steps.some(
    ({ name, status }) =>
      status === 'passed' && (name === 'ek_certificate_chain' || name === 'ek_registered'),
  );
}

/**
 * The overall status: the worst tier of the vector. A host that did not attest is never better than `warning`, and
 * `contraindicated` if nothing of the vector says why. Own choice within draft-ietf-rats-ear §3.2.
 */
function earStatusOf({ attested }: Appraisal, vector: TrustVector): TrustTier {
  const status = statusOf(vector);
  if (attested) return status;
  return TRUST_TIERS[status] >= TRUST_TIERS.warning ? status : 'contraindicated';
}

function stepsByClaim(): Map<TrustClaim, Set<StepName>> {
  const found = new Map<TrustClaim, Set<StepName>>();
  const rows: readonly ReasonRow[] = Object.values(ATTESTATION_REASONS);
  for (const { claim, step } of rows) {
    if (claim && isAppraisalStep(step)) found.set(claim[0], (found.get(claim[0]) ?? new Set()).add(step));
  }
  return found;
}

function isAppraisalStep(step: StepName): boolean {
  return Object.hasOwn(APPRAISAL_STEPS, step);
}
