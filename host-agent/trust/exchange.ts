import { decodeJwt } from 'jose';

import type { AttestationClient } from '../../trust-authority/client.js';
import { decodeContextOf, encodeContext, kmsAuthClaims } from '../../wire/attestation/index.js';
import type {
  AppraisedStep,
  AttestIdentity,
  AttestResult,
  ChallengeContext,
  Comparisons,
  DocumentType,
  EvidenceContext,
  HelloContext,
  KmsAuthClaims,
} from '../../wire/attestation/index.js';
import type { AppraisalStepReport } from '../api/results.js';

/** Makes what a host sends to an attestation service. */
export interface EvidenceMaker {
  /** Round 1. @throws AttestationError `tpm_unavailable` */
  hello(): Promise<{ readonly identity: AttestIdentity; readonly context: HelloContext }>;
  /** The challenge that is to be answered. @param ask sends round 1 and returns the service's challenge */
  challenge(ask: () => Promise<ChallengeContext>): Promise<ChallengeContext>;
  /** Round 2. @throws AttestationError `tpm_unavailable` */
  evidence(challenge: ChallengeContext): Promise<EvidenceContext>;
}

/** A KMS_AUTH_JWT with what it says. */
export interface HeldToken {
  readonly token: string;
  readonly claims: KmsAuthClaims;
}

/** What both rounds of an attestation came to. */
export interface Exchanged {
  readonly attested: boolean;
  readonly steps: readonly AppraisalStepReport[];
  /** Those that were asked for and given: a host that is refused gets no KMS_AUTH_JWT. */
  readonly documents: AttestResult['documents'];
  /** Empty unless asked to explain. */
  readonly comparisons: Comparisons;
}

/**
 * Both rounds of an attestation.
 *
 * @param wanted documents to ask for, and whether PCRs and events are to be compared one by one
 * @throws AttestationError if the TPM or the service refuses to go on, KpsimError if the service cannot be asked
 */
export async function exchange(
  client: AttestationClient,
  maker: EvidenceMaker,
  wanted: { readonly types: readonly DocumentType[]; readonly explain?: true },
): Promise<Exchanged> {
  const { types, explain } = wanted;
  const { identity, context } = await maker.hello();
  const challenge = await maker.challenge(async () => {
    const first = await client.attest(identity, [encodeContext(context)], types);
    return decodeContextOf('challenge', first.contexts[0] ?? '');
  });
  const evidence = { ...(await maker.evidence(challenge)), ...(explain && { explain }) };
  const { attested, contexts, documents } = await client.attest(identity, [encodeContext(evidence)], types);
  const { steps, pcrs = [], events = [] } = decodeContextOf('appraisal', contexts[0] ?? '');
  return { attested, steps: steps.map(reportOf), documents, comparisons: { pcrs, events } };
}

/** The KMS_AUTH_JWT of an attestation; undefined if the host was refused. */
export function tokenOf({ attested, documents }: Exchanged): HeldToken | undefined {
  const token = documents.find(({ type }) => type === 'KMS_AUTH_JWT')?.document;
  if (!attested || token === undefined) return undefined;
  // The service is authenticated by TLS, so the claims need no signature check to be believed here.
  return { token, claims: kmsAuthClaims.parse(decodeJwt(token)) };
}

/** Reason code of the step that decided; undefined if none failed. */
export function decidingReason(steps: readonly AppraisalStepReport[]): string | undefined {
  return steps.find(({ status }) => status === 'failed')?.reason;
}

function reportOf({ name, status, reason, expected, actual, remedy }: AppraisedStep): AppraisalStepReport {
  return {
    name,
    status,
    ...(reason !== undefined && { reason }),
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
    ...(remedy !== undefined && { remedy }),
  };
}
