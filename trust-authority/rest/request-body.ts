import type { IncomingMessage, ServerResponse } from 'node:http';

import { JSON_LIMIT_BYTES, VapiError, validate } from '../../core/http/index.js';
import type { Operation } from './operation.js';

/** Media types of JSON bodies. */
const JSON_MEDIA_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * Reads the body that an operation asks for, and no more of it than the operation allows. A client that waits to be
 * continued is, unless its headers already say that the body would be refused.
 *
 * @returns what the operation's schema makes of JSON, or the bytes, or undefined if it has no body
 * @throws VapiError `INVALID_ARGUMENT`, `UNEXPECTED_INPUT`
 */
export async function readBody(
  row: Operation,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<unknown> {
  const { body } = row;
  if (body === undefined) return undefined;
  if ('maxBytes' in body) {
    const bytes = await readBytes(request, response, body.maxBytes);
    if (bytes.length > 0) return bytes;
    throw new VapiError('INVALID_ARGUMENT', 'Send the file as the body of the request.');
  }
  const bytes = await readBytes(request, response, row.maxJsonBytes ?? JSON_LIMIT_BYTES);
  return validate(body, parsed(bytes, request.headers['content-type']));
}

/** Longest body that is taken in, and thrown away, of a request that was refused before its body was read. */
const IGNORED_BODY_BYTES = 64 * 1024;

/** Whether so much of a request's body is still to come that its connection had better be closed than read on. */
export function hasLongBodyToCome(request: IncomingMessage): boolean {
  const { headers, complete } = request;
  if (complete) return false;
  return (
    headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > IGNORED_BODY_BYTES
  );
}

/** Whether a client sends the body only once it is told to continue (RFC 9110 §10.1.1). */
function waitsToBeContinued({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.1' && headers.expect?.toLowerCase() === '100-continue';
}

function parsed(bytes: Buffer, mediaType: string | undefined): unknown {
  if (bytes.length === 0) return undefined;
  if (mediaType !== undefined && !JSON_MEDIA_TYPE.test(mediaType)) {
    throw new VapiError('UNEXPECTED_INPUT', 'Send the request body as application/json.');
  }
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new VapiError('UNEXPECTED_INPUT', 'The request body is not valid JSON.', { cause: error });
  }
}

function readBytes(request: IncomingMessage, response: ServerResponse, limitBytes: number): Promise<Buffer> {
  const { headers } = request;
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new VapiError('UNEXPECTED_INPUT', 'Send the request body without a content encoding.');
  }
  if (Number(headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  if (waitsToBeContinued(request)) response.writeContinue();
  return wholeBody(request, limitBytes);
}

/** The bytes of a body up to its end. Events, as an iterator over a stream costs more than what it goes over. */
function wholeBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const cut = (error?: Error): void => {
      reject(new VapiError('UNEXPECTED_INPUT', 'The request ended before its body did.', { cause: error }));
    };
    if (request.destroyed) cut();
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      chunks.push(chunk);
      if (length <= limitBytes) return;
      reject(tooLarge(limitBytes));
      request.destroy();
    });
    request.once('end', () => {
      const [first] = chunks;
      resolve(first && chunks.length === 1 ? first : Buffer.concat(chunks, length));
    });
    request.once('error', cut);
    request.once('close', () => {
      if (!request.readableEnded) cut();
    });
  });
}

function tooLarge(limitBytes: number): VapiError {
  return new VapiError(
    'INVALID_ARGUMENT',
    `The request body is too large: at most ${limitBytes} bytes are read.`,
  );
}
