import { VapiError } from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import type { AttestationError, AttestationReason } from '../../wire/attestation/index.js';

/**
 * Standard error of the vSphere Automation API for a reason; `INVALID_ARGUMENT` for all others. Which of them a
 * key provider service answers with is told by its API reference, which reason goes with which is an own choice.
 */
const ERROR_TYPES: Partial<Record<AttestationReason, VapiErrorType>> = {
  token_alg: 'UNAUTHENTICATED',
  token_key_untrusted: 'UNAUTHENTICATED',
  token_malformed: 'UNAUTHENTICATED',
  token_missing: 'UNAUTHENTICATED',
  token_expired: 'UNAUTHENTICATED',
  token_not_yet_valid: 'UNAUTHENTICATED',
  issuer_not_in_group: 'UNAUTHENTICATED',
  audience_mismatch: 'UNAUTHENTICATED',
  wrong_document_type: 'UNAUTHENTICATED',
  holder_mismatch: 'UNAUTHENTICATED',
  sts_issuer_untrusted: 'UNAUTHENTICATED',
  principal_token_invalid: 'UNAUTHENTICATED',
  client_certificate_missing: 'UNAUTHENTICATED',
  principal_not_entitled: 'UNAUTHORIZED',
  attestation_service_unreachable: 'SERVICE_UNAVAILABLE',
  key_server_unavailable: 'SERVICE_UNAVAILABLE',
  WrappingKeyMissingInKMS: 'NOT_FOUND',
  WrappingKeyNotActiveOrEnabled: 'NOT_ALLOWED_IN_CURRENT_STATE',
};

/** A reason of the catalogue as the vAPI says it: in the message id, in its text and in `data.reason`. */
export function refusalOf(error: AttestationError): VapiError {
  const { reason } = error;
  const type = ERROR_TYPES[reason] ?? 'INVALID_ARGUMENT';
  return new VapiError(type, error.message, {
    messageId: `kpsim.attestation.${reason}`,
    cause: error,
    data: { reason },
    ...(type === 'UNAUTHENTICATED' && { challenge: challengeFor(reason) }),
  });
}

/** `WWW-Authenticate` of a refusal (RFC 6750 §3). */
function challengeFor(reason: AttestationReason): string {
  if (reason === 'client_certificate_missing') return 'ClientCertificate';
  if (reason === 'token_missing') return 'Bearer realm="kpsim key provider service"';
  return `Bearer realm="kpsim key provider service", error="invalid_token", error_description="${reason}"`;
}
