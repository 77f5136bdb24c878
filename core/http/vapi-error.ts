import type { ErrorRequestHandler } from 'express';

import { KpsimError } from '../errors.js';
import type { Logger } from '../logging.js';
import { storageRemedy } from '../store/storage-failure.js';

/**
 * Standard errors of the vSphere Automation API (`com.vmware.vapi.std.errors`) and their HTTP status.
 * Source: vSphere Automation API reference, "Standard errors".
 */
export const VAPI_ERROR_TYPES = {
  ALREADY_EXISTS: 400,
  ALREADY_IN_DESIRED_STATE: 400,
  CANCELED: 400,
  FEATURE_IN_USE: 400,
  INVALID_ARGUMENT: 400,
  INVALID_ELEMENT_CONFIGURATION: 400,
  NOT_ALLOWED_IN_CURRENT_STATE: 400,
  RESOURCE_BUSY: 400,
  RESOURCE_IN_USE: 400,
  UNEXPECTED_INPUT: 400,
  UNSUPPORTED: 400,
  UNAUTHENTICATED: 401,
  UNAUTHORIZED: 403,
  NOT_FOUND: 404,
  OPERATION_NOT_FOUND: 404,
  ERROR: 500,
  INTERNAL_SERVER_ERROR: 500,
  RESOURCE_INACCESSIBLE: 500,
  SERVICE_UNAVAILABLE: 503,
  TIMED_OUT: 504,
} as const satisfies Record<string, number>;

/** A standard error's type, as in the field `error_type`. */
export type VapiErrorType = keyof typeof VAPI_ERROR_TYPES;

/** A localizable message of the vAPI, `com.vmware.vapi.std.localizable_message`. */
export interface LocalizableMessage {
  readonly id: string;
  readonly default_message: string;
  readonly args: readonly string[];
}

/** The body of an error answer of the vSphere Automation REST API. */
export interface VapiErrorBody {
  readonly error_type: VapiErrorType;
  readonly messages: readonly LocalizableMessage[];
  /** Machine-readable details, for example `requiredKey` of a missing key. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** What a {@link VapiError} carries besides type and text. */
export interface VapiErrorOptions extends ErrorOptions {
  /** Message id; `com.vmware.vapi.std.errors.<type>` unless told. */
  readonly messageId?: string;
  /** Further messages, for example one per violated rule. */
  readonly moreMessages?: readonly LocalizableMessage[];
  /** Value of `WWW-Authenticate`, for 401. */
  readonly challenge?: string;
  /** The error body's `data`. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** An error of the vSphere Automation REST dialect. */
export class VapiError extends KpsimError {
  readonly type: VapiErrorType;
  readonly status: number;
  readonly body: VapiErrorBody;
  readonly challenge: string | undefined;

  /**
   * @param type standard error type; it decides the HTTP status
   * @param message what went wrong and what to do next
   */
  constructor(type: VapiErrorType, message: string, options: VapiErrorOptions = {}) {
    super(type.toLowerCase(), message, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.status = VAPI_ERROR_TYPES[type];
    this.challenge = options.challenge;
    const id = options.messageId ?? `com.vmware.vapi.std.errors.${type.toLowerCase()}`;
    this.body = {
      error_type: type,
      messages: [{ id, default_message: message, args: [] }, ...(options.moreMessages ?? [])],
      ...(options.data && { data: options.data }),
    };
  }
}

/** The last handler of an express app that speaks vAPI: turns whatever was thrown into the dialect's form. */
export function vapiErrorHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const answer = toVapiError(error);
    // Somebody else who does not answer is news, and no defect whose place in the code matters.
    if (error instanceof VapiError && error.type === 'SERVICE_UNAVAILABLE') {
      log.warn({ path: request.path, reason: error.message }, 'request failed');
    } else if (answer.status >= 500) {
      log.error({ err: error, path: request.path }, 'request failed');
    }
    if (answer.challenge !== undefined) response.setHeader('WWW-Authenticate', answer.challenge);
    response.status(answer.status).json(answer.body);
  };
}

/** An error as the vAPI says it; what is not known to be safe to tell becomes generic text. */
export function toVapiError(error: unknown): VapiError {
  if (error instanceof VapiError) return error;
  if (error instanceof URIError) {
    return new VapiError('UNEXPECTED_INPUT', 'The path of the request is not valid percent-encoded UTF-8.');
  }
  if (isBodyParserError(error)) {
    return bodyRefused(error.status);
  }
  // Before errors of kpsim's own: a data directory that was taken away is one of them.
  const remedy = storageRemedy(error);
  if (remedy !== undefined) {
    return new VapiError('SERVICE_UNAVAILABLE', `The request could not be completed. ${remedy}`, {
      cause: error,
    });
  }
  if (error instanceof KpsimError) {
    return new VapiError('INVALID_ARGUMENT', error.message, {
      cause: error,
      messageId: `kpsim.${error.code}`,
    });
  }
  return new VapiError('INTERNAL_SERVER_ERROR', 'The request failed unexpectedly; the log has the details.', {
    cause: error,
  });
}

function bodyRefused(status: number): VapiError {
  if (status === 413) return new VapiError('INVALID_ARGUMENT', 'The request body is too large.');
  if (status === 415) {
    return new VapiError('UNEXPECTED_INPUT', 'Send the request body in UTF-8, without a content encoding.');
  }
  return new VapiError('UNEXPECTED_INPUT', 'The request body is not valid JSON of the declared encoding.');
}

/** Errors that express's body parsers raise carry an HTTP status between 400 and 499. */
function isBodyParserError(error: unknown): error is Error & { readonly status: number } {
  return (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status >= 400 &&
    error.status < 500
  );
}
