import type { Request, RequestHandler } from 'express';
import express from 'express';

import { JSON_LIMIT_BYTES, VapiError } from '../../core/http/index.js';
import { SESSION_HEADER } from '../../core/http/vi-json.js';
import type { Sessions } from '../access/sessions.js';

/** Most `{`, `[` and `,` in a large body: its length is base64, which has none of them. */
const STRUCTURE_LIMIT = 1000;
const STRUCTURE = ['{', '[', ','] as const;
/** Large bodies that are taken in at a time before their sessions are known. */
const UNKNOWN_LIMIT = 2;
/** How far from its beginning or its end a body is looked through for its session, in bytes. */
const SESSION_REACH_BYTES = 8192;
const SESSION_MEMBER = /"sessionId"\s*:\s*"([0-9a-f]{1,256})"/g;

/**
 * Parses a JSON body that is longer than usual because of one long text in it. Bodies of much structure are refused
 * before they are parsed: made into values they take a hundred times their length.
 *
 * @param type which content types it reads, as `express.raw` takes it
 */
export function largeJsonBody(limitBytes: number, type: string | (() => boolean)): RequestHandler {
  return readAndParse(limitBytes, type, () => undefined);
}

/** @param check throws if the body is not to be parsed */
function readAndParse(
  limitBytes: number,
  type: string | (() => boolean),
  check: (body: Buffer) => void,
): RequestHandler {
  const read: RequestHandler = express.raw({ limit: limitBytes, inflate: false, type });
  const parse = (request: Request): void => {
    if (!Buffer.isBuffer(request.body)) return;
    check(request.body);
    request.body = parsed(request.body);
  };
  return (request, response, next) => {
    read(request, response, (error?: unknown) => {
      try {
        if (error === undefined) parse(request);
        next(error);
      } catch (refusal) {
        next(refusal);
      }
    });
  };
}

/**
 * Parses a large body of JSON-RPC for who has a session, and a usual one for everybody else. VMware's clients name
 * their session in the body only, at its end: their bodies are taken in as bytes, a few at a time, and are parsed
 * once the session is found alive.
 */
export class LargeRpcBodies {
  readonly #sessions: Sessions;
  readonly #usual: RequestHandler;
  #unknown = 0;

  constructor(sessions: Sessions, usual: RequestHandler) {
    this.#sessions = sessions;
    this.#usual = usual;
  }

  /** What reads the body of a request for an operation that takes up to `limitBytes`. */
  reader(request: Request, limitBytes: number): RequestHandler {
    const everything = (): boolean => true;
    if (Number(request.get('content-length') ?? Infinity) <= JSON_LIMIT_BYTES) return this.#usual;
    if (this.#lives(request.get(SESSION_HEADER))) return largeJsonBody(limitBytes, everything);
    if (this.#unknown >= UNKNOWN_LIMIT) return this.#usual;
    const read = readAndParse(limitBytes, everything, (body) => {
      this.#requireSession(body);
    });
    return (asked, response, next) => {
      this.#unknown += 1;
      response.once('close', () => (this.#unknown -= 1));
      read(asked, response, next);
    };
  }

  /** @throws VapiError `UNAUTHENTICATED` */
  #requireSession(body: Buffer): void {
    const ends = [body.subarray(0, SESSION_REACH_BYTES), body.subarray(-SESSION_REACH_BYTES)];
    const named = ends.flatMap((end) => [...end.toString('latin1').matchAll(SESSION_MEMBER)]);
    if (named.some(([, id]) => this.#lives(id))) return;
    throw new VapiError(
      'UNAUTHENTICATED',
      `Log in, and send the session id in the security context or as header ${SESSION_HEADER}: without one at most ${JSON_LIMIT_BYTES} bytes are read.`,
    );
  }

  #lives(id: string | undefined): boolean {
    return id !== undefined && this.#sessions.peek(id) !== undefined;
  }
}

/** @throws VapiError `INVALID_ARGUMENT`, `UNEXPECTED_INPUT` */
function parsed(body: Buffer): unknown {
  let found = 0;
  for (const mark of STRUCTURE) {
    for (let at = body.indexOf(mark); at !== -1; at = body.indexOf(mark, at + 1)) {
      found += 1;
      if (found > STRUCTURE_LIMIT) {
        throw new VapiError(
          'INVALID_ARGUMENT',
          'The request body has more members than the operation takes: send the file as one JSON string of base64, and nothing else.',
        );
      }
    }
  }
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    throw new VapiError(
      'UNEXPECTED_INPUT',
      'The request body is not valid JSON: send the file as a JSON string of base64.',
      { cause: error },
    );
  }
}
