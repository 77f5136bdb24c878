import { KpsimError, errorText } from '../../core/errors.js';
import { HttpStatusError, VAPI_ERROR_TYPES, VapiError } from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { TrustAuthorityMember } from '../inventory/entities.js';

/** Whether a member is down, or cannot be reached. */
export function doesNotAnswer(error: unknown): boolean {
  return error instanceof KpsimError && error.code === 'unreachable';
}

/** What a member refused, or that it does not answer, as this vCenter tells it. */
export function memberRefusal(member: TrustAuthorityMember, error: unknown): VapiError {
  if (error instanceof VapiError) return error;
  // A reason of the catalogue is how the client puts an answer that is told as it came.
  const answer = error instanceof AttestationError ? error.cause : error;
  if (answer instanceof HttpStatusError) return refusalOfAnswer(member, answer);
  if (doesNotAnswer(error)) {
    return new VapiError(
      'RESOURCE_INACCESSIBLE',
      `${member.name} does not answer: ${errorText(error)}. Start it, then try again.`,
      { cause: error },
    );
  }
  return notAService(
    member,
    error instanceof KpsimError ? errorText(error) : 'its answer lacks what it should have',
    error,
  );
}

/** It answers, but what is at its address is no service of a Trust Authority, or one that is out of order. */
function notAService({ name }: TrustAuthorityMember, what: string, cause: unknown): VapiError {
  return new VapiError(
    'RESOURCE_INACCESSIBLE',
    `${name} does not answer as a service of a Trust Authority does: ${what.replace(/\.$/, '')}. Check its address, and what is in between.`,
    { cause },
  );
}

function refusalOfAnswer(member: TrustAuthorityMember, error: HttpStatusError): VapiError {
  const { name } = member;
  const { status, body } = error;
  if (status === 401 || status === 403) {
    return new VapiError(
      'RESOURCE_INACCESSIBLE',
      `${name} does not take this vCenter for an administrator (status ${status}); have it trust the authority of the vCenter's certificate, and add the certificate's common name to its administrators.`,
      { cause: error },
    );
  }
  const type = errorTypeOf(body);
  if (type !== undefined) return new VapiError(type, `${name}: ${textOf(body)}`, { cause: error });
  return notAService(member, `status ${status}`, error);
}

function errorTypeOf(body: unknown): VapiErrorType | undefined {
  if (typeof body !== 'object' || body === null || !('error_type' in body)) return undefined;
  const { error_type: type } = body;
  return typeof type === 'string' && Object.hasOwn(VAPI_ERROR_TYPES, type)
    ? (type as VapiErrorType)
    : undefined;
}

function textOf(body: unknown): string {
  const messages: unknown =
    typeof body === 'object' && body !== null && 'messages' in body ? body.messages : undefined;
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  return typeof first === 'object' && first !== null && 'default_message' in first
    ? String(first.default_message)
    : 'refused';
}
