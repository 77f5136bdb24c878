import { VapiError } from '../../core/http/index.js';
import { errorText } from '../../core/errors.js';
import type { AttestationClient } from '../../trust-authority/client.js';
import { ATTESTATION_REASONS, AttestationError, isAttestationReason } from '../../wire/attestation/index.js';
import type { AttestationExplanation, TrustedServiceSpec } from '../api/results.js';
import { decidingReason, exchange } from './exchange.js';
import type { EvidenceMaker, Exchanged } from './exchange.js';

/** An attestation service that a host is told of. */
export interface AskedService {
  readonly spec: TrustedServiceSpec;
  readonly client: AttestationClient;
}

/**
 * Attests once to the first service that answers, and tells everything about its verdict. The host's standing stays as
 * it is: no document is asked for.
 *
 * @param evidence undefined on a host without a TPM
 * @throws VapiError `UNSUPPORTED` without a TPM, `NOT_ALLOWED_IN_CURRENT_STATE` without an attestation service
 */
export async function explainAttestation(
  services: readonly AskedService[],
  evidence: EvidenceMaker | undefined,
): Promise<AttestationExplanation> {
  if (!evidence) {
    throw new VapiError('UNSUPPORTED', 'The host has no TPM 2.0, so there is no attestation to explain.');
  }
  if (services.length === 0) {
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      'The host has no attestation service: set one with PUT /api/kpsim/host/trusted-services.',
    );
  }
  const unanswered: { service: string; error: string }[] = [];
  for (const { spec, client } of services) {
    const asked = { service: spec.address, group: spec.group, unanswered };
    try {
      return { ...asked, ...verdictOf(await exchange(client, evidence, { types: [], explain: true })) };
    } catch (error) {
      if (error instanceof AttestationError) {
        return { ...asked, ...refusal(error.reason), error: errorText(error), ...NOTHING };
      }
      unanswered.push({ service: spec.address, error: errorText(error) });
    }
  }
  return { unanswered, ...refusal('attestation_service_unreachable'), ...NOTHING };
}

const NOTHING = { steps: [], pcrs: [], events: [] } as const;

function verdictOf({ attested, steps, comparisons }: Exchanged): Omit<AttestationExplanation, 'unanswered'> {
  const told = { steps, ...comparisons };
  if (attested) return { attested, ...told };
  return { ...refusal(decidingReason(steps) ?? 'malformed_evidence'), ...told };
}

/** A reason with what is known about it; a service of another make may have reasons of its own. */
function refusal(reason: string): { attested: false; reason: string; sentence?: string; remedy?: string } {
  if (!isAttestationReason(reason)) return { attested: false, reason };
  const { sentence, remedy } = ATTESTATION_REASONS[reason];
  return { attested: false, reason, sentence, remedy };
}
