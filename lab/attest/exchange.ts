import { AttestationError, decodeContextOf, encodeContext, reasonRow } from '../../wire/attestation/index.js';
import type {
  AttestIdentity,
  AttestResult,
  ChallengeContext,
  DocumentType,
  EvidenceContext,
} from '../../wire/attestation/index.js';
import type { EvidenceMaker } from '../../host-agent/trust/exchange.js';
import type { AttestationClient } from '../../trust-authority/client.js';
import { PASSED } from './observed.js';
import type { Observed } from './observed.js';

/** Round 1 by hand: what the host says, and what it is asked. */
export interface Challenged {
  readonly identity: AttestIdentity;
  readonly challenge: ChallengeContext;
}

/** Round 1 of an attestation, with evidence that the host's own agent makes. */
export async function askChallenge(client: AttestationClient, maker: EvidenceMaker): Promise<Challenged> {
  const { identity, context } = await maker.hello();
  const challenge = await maker.challenge(async () => {
    const { contexts } = await client.attest(identity, [encodeContext(context)], []);
    return decodeContextOf('challenge', contexts[0] ?? '');
  });
  return { identity, challenge };
}

/** Round 2 of an attestation. */
export function sendEvidence(
  client: AttestationClient,
  { identity }: Challenged,
  evidence: EvidenceContext,
  types: readonly DocumentType[] = ['KMS_AUTH_JWT'],
): Promise<AttestResult> {
  return client.attest(identity, [encodeContext(evidence)], types);
}

/** Both rounds, for documents of one type. @throws AttestationError if the host is not attested */
export async function documentOf(
  type: DocumentType,
  client: AttestationClient,
  maker: EvidenceMaker,
): Promise<string> {
  const challenged = await askChallenge(client, maker);
  const result = await sendEvidence(client, challenged, await maker.evidence(challenged.challenge), [type]);
  const found = result.documents.find((document) => document.type === type);
  if (result.attested && found) return found.document;
  throw new AttestationError('malformed_evidence', `No ${type} was issued.`);
}

/** A result of round 2 as it is seen from outside. */
export function observedResult({ attested, contexts }: AttestResult): Observed {
  if (attested) return PASSED;
  const { steps } = decodeContextOf('appraisal', contexts[0] ?? '');
  const failed = steps.find(({ status }) => status === 'failed');
  const reason = failed?.reason ?? 'malformed_evidence';
  return {
    outcome: 'refused',
    reason,
    step: failed?.name,
    message: reasonRow(reason).remedy,
  };
}
