import { HttpStatusError } from '../../core/http/index.js';
import type { AttestationReport } from '../../host-agent/index.js';
import { AttestationError, isAttestationReason, reasonRow } from '../../wire/attestation/index.js';
import type { StepName } from '../../wire/attestation/index.js';

/** What came of one attempt to attest, or to use the result. */
export type Observed =
  | { readonly outcome: 'passes' }
  | {
      readonly outcome: 'refused';
      /** A reason code, as the service or the host said it. */
      readonly reason: string;
      /** The step that failed; undefined if the reason is none of the catalogue. */
      readonly step: string | undefined;
      /** What was said to people. */
      readonly message: string;
    };

export const PASSED: Observed = { outcome: 'passes' };

/** An attestation of a host: it passes if one service of its group attested it. */
export function observedAttestation({ appraisals }: AttestationReport): Observed {
  if (appraisals.some(({ attested }) => attested)) return PASSED;
  const last = appraisals.at(-1);
  const failed = last?.steps.find(({ status }) => status === 'failed');
  const reason = last?.reason ?? 'no_verdict';
  return {
    outcome: 'refused',
    reason,
    // An appraisal names its step; what fails before there is one, or outside of it, has that of its reason.
    step: failed?.name ?? stepOf(reason),
    message: last?.error ?? failed?.remedy ?? '',
  };
}

/** A call that a service may refuse for a reason of the catalogue. @throws any other error */
export async function observedCall(call: () => Promise<unknown>): Promise<Observed> {
  try {
    await call();
    return PASSED;
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    const { reason, message } = error;
    return { outcome: 'refused', reason, step: stepOf(reason), message };
  }
}

/** The HTTP status of a refusal; undefined if there was no answer. */
export function statusOfRefusal(error: unknown): number | undefined {
  const { cause } = error instanceof Error ? error : {};
  return cause instanceof HttpStatusError ? cause.status : undefined;
}

function stepOf(reason: string): StepName | undefined {
  return isAttestationReason(reason) ? reasonRow(reason).step : undefined;
}
