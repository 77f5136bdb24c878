import type { Request, RequestHandler, Response } from 'express';

import type { FaultRegistry, FaultSubject } from '../faults.js';

/** Choices for {@link faultGate}. */
export interface FaultGateOptions {
  readonly faults: FaultRegistry;
  /** What the request is, in the service's words; undefined lets it through untouched. */
  readonly subject: (request: Request) => FaultSubject | undefined;
  /** The error that an injected `error` with this reason becomes in the service's dialect. */
  readonly error: (reason: string) => Error;
}

/**
 * Lets injected faults strike HTTP requests: a late answer, none at all, a closed connection, half an answer, an
 * error. `corrupt` is left to the route: {@link isCorrupted} tells.
 */
export function faultGate(options: FaultGateOptions): RequestHandler {
  return (request, response, next) => {
    const subject = options.subject(request);
    const action = subject && options.faults.match(subject);
    switch (action?.kind) {
      case undefined:
        next();
        return;
      case 'delay': {
        const timer = setTimeout(next, action.delayMs);
        response.once('close', () => clearTimeout(timer));
        return;
      }
      case 'drop':
        if (action.when === 'before') return;
        response.end = () => response;
        break;
      case 'reset':
      case 'hangUp':
        request.socket.destroy();
        return;
      case 'truncate':
        truncateAnswer(response);
        break;
      case 'corrupt':
        response.locals.corrupted = true;
        break;
      case 'error':
        throw options.error(action.reason);
    }
    next();
  };
}

/** Whether the route is to answer wrong key material of the right length. */
export function isCorrupted(response: Response): boolean {
  return response.locals.corrupted === true;
}

/** Sends the head and the first half of the body, then closes the connection. */
function truncateAnswer(response: Response): void {
  response.end = (...parts: unknown[]): Response => {
    const [body] = parts;
    const whole = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.alloc(0);
    response.write(whole.subarray(0, whole.length >> 1), () => response.socket?.destroy());
    return response;
  };
}
