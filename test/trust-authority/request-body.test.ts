import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';

import { describe, expect, test } from 'vitest';

import { readBody } from '../../trust-authority/rest/request-body.js';
import type { Operation } from '../../trust-authority/rest/operation.js';

const FILE = { body: { maxBytes: 10 } } as unknown as Operation;

/** A request whose body comes in pieces, without a length told before. */
function request(): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { headers: {}, httpVersion: '1.1' }) as unknown as PassThrough &
    IncomingMessage;
}

function read(message: IncomingMessage): Promise<unknown> {
  return readBody(FILE, message, undefined as unknown as ServerResponse);
}

describe('the body of a request', () => {
  test('is all its pieces', async () => {
    const message = request();
    const body = read(message);
    message.write('12345');
    message.end('67890');
    expect(await body).toEqual(Buffer.from('1234567890'));
  });

  test('is refused once it is too long, and read no further', async () => {
    const message = request();
    const body = read(message);
    message.write('12345678901');
    await expect(body).rejects.toThrow('at most 10 bytes');
    expect(message.destroyed).toBe(true);
  });

  test.each([
    ['by a reset', new Error('read ECONNRESET')],
    ['by the end of the connection', undefined],
  ])('is refused if it is cut off %s', async (_how, error) => {
    const message = request();
    const body = read(message);
    message.write('123');
    message.destroy(error);
    await expect(body).rejects.toThrow('The request ended before its body did.');
  });

  test('is refused if the connection has ended already', async () => {
    const message = request();
    message.destroy();
    await expect(read(message)).rejects.toThrow('The request ended before its body did.');
  });
});
