import { KpsimError, errorText } from '../../core/errors.js';
import { HttpStatusError, VAPI_ERROR_TYPES, VapiError } from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import type { TrustAuthorityMember } from '../inventory/entities.js';

/** Whether a member is down, or cannot be reached. */
export function doesNotAnswer(error: unknown): boolean {
  return error instanceof KpsimError && error.code === 'unreachable';
}

/** What a member refused, or that it does not answer, as this vCenter tells it. */
export function memberRefusal(member: TrustAuthorityMember, error: unknown): VapiError {
  if (error instanceof VapiError) return error;
  if (error instanceof HttpStatusError) return refusalOfAnswer(member, error);
  if (doesNotAnswer(error)) {
    return new VapiError(
      'RESOURCE_INACCESSIBLE',
      `${member.name} does not answer: ${errorText(error)}. Start it, then try again.`,
      { cause: error },
    );
  }
  return new VapiError('ERROR', `${member.name}: ${errorText(error)}`, { cause: error });
}

function refusalOfAnswer({ name }: TrustAuthorityMember, error: HttpStatusError): VapiError {
  const { status, body } = error;
  if (status === 401 || status === 403) {
    return new VapiError(
      'RESOURCE_INACCESSIBLE',
      `${name} does not take this vCenter for an administrator (status ${status}); add the common name of the vCenter's certificate to its administrators.`,
      { cause: error },
    );
  }
  const type = errorTypeOf(body);
  if (type !== undefined) return new VapiError(type, `${name}: ${textOf(body)}`, { cause: error });
  return new VapiError(
    'RESOURCE_INACCESSIBLE',
    `${name} answers with status ${status}, and not as a service of a Trust Authority does; check its address, and what is in between.`,
    { cause: error },
  );
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
