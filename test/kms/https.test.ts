import { once } from 'node:events';
import { Agent, request } from 'node:https';
import type { OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { selfSigned } from '../../core/pki/index.js';
import { requestBytes } from '../../kms/client/session.js';
import type { EncodingName } from '../../wire/kmip/index.js';
import { MESSAGE_ENCODINGS, decodeResponse } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
let agent: Agent;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {
    https: { port: 0 },
    limits: { messageBytes: 64 * 1024, frameSeconds: 0.5, handshakeSeconds: 0.5, idleSeconds: 30 },
  });
  agent = new Agent({
    keepAlive: true,
    ca: pki.authority.caPem,
    cert: pki.east.certificatePem,
    key: pki.east.privateKeyPem,
  });
});
afterAll(async () => {
  agent.destroy();
  await kms[Symbol.asyncDispose]();
});

/** An answer of the HTTPS port. */
interface HttpAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

function send(
  body: Buffer | string,
  headers: OutgoingHttpHeaders,
  { method = 'POST', path = '/kmip', port = kms.httpsPort } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', reject);
      answer.once('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          contentType: answer.headers['content-type'],
          body: Buffer.concat(chunks),
        }),
      );
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const discover = () =>
  requestBytes({ protocolVersion: '1.4' }, [{ operation: 'DiscoverVersions', payload: {} }]);

/** Status and reason of the only batch item of an answer. */
function outcomeOf(answer: HttpAnswer, encoding: EncodingName) {
  expect(answer.status).toBe(200);
  const { batchItems } = decodeResponse(MESSAGE_ENCODINGS[encoding].toTtlv(answer.body));
  expect(batchItems).toHaveLength(1);
  return { status: batchItems[0]?.resultStatus, reason: batchItems[0]?.resultReason };
}

const REFUSED = { status: 'OperationFailed', reason: 'InvalidMessage' };
const NAMES = ['ttlv', 'xml', 'json'] as const satisfies EncodingName[];

describe.each(NAMES)('KMIP in %s over HTTPS', (encoding) => {
  const { contentTypes } = MESSAGE_ENCODINGS[encoding];

  test('serves a key’s whole life to a client', async () => {
    const client = kms.client({ https: { encoding } });
    const id = await client.create({ name: `over ${encoding}` });
    await client.activate(id);
    const { keyBytes } = await client.get(id);
    expect((await kms.client().get(id)).keyBytes).toEqual(keyBytes);
    expect(
      await client.locate([
        { name: 'Name', value: { value: `over ${encoding}`, type: 'UninterpretedTextString' } },
      ]),
    ).toEqual([id]);
    await client.revoke(id);
    await client.destroy(id);
    await expect(client.get(id)).rejects.toMatchObject({ reason: expect.any(String) as string });
  });

  test.each(contentTypes)('is answered as it was asked, in %s', async (contentType) => {
    const header = `${contentType}; charset=utf-8`;
    const answer = await send(MESSAGE_ENCODINGS[encoding].fromTtlv(discover()), { 'content-type': header });
    expect(answer.contentType).toBe(header);
    expect(outcomeOf(answer, encoding).status).toBe('Success');
  });

  test('is answered with Invalid Message if it is none', async () => {
    const answer = await send('no KMIP at all', { 'content-type': contentTypes[0] });
    expect(outcomeOf(answer, encoding)).toEqual(REFUSED);
  });

  test('is answered with Invalid Message if it is announced larger than allowed', async () => {
    const headers = { 'content-type': contentTypes[0], 'content-length': 10_000_000, expect: '100-continue' };
    const answer = await send('', headers).catch((error: unknown) => error);
    expect(outcomeOf(answer as HttpAnswer, encoding)).toEqual(REFUSED);
  });

  test('is answered with Invalid Message if it turns out larger than allowed', async () => {
    const headers = { 'content-type': contentTypes[0], 'transfer-encoding': 'chunked' };
    const answer = await send(Buffer.alloc(64 * 1024 + 1, ' '), headers);
    expect(outcomeOf(answer, encoding)).toEqual(REFUSED);
  });
});

test('a response in XML is readable text, with names instead of numbers', async () => {
  const { body } = await send(MESSAGE_ENCODINGS.xml.fromTtlv(discover()), { 'content-type': 'text/xml' });
  expect(body.toString('utf8')).toContain('<Operation type="Enumeration" value="DiscoverVersions"/>');
});

test.each([
  ['another path', { path: '/' }, 404],
  ['another method', { method: 'GET' }, 405],
])('%s is no KMIP', async (_what, options, status) => {
  expect((await send('', { 'content-type': 'text/xml' }, options)).status).toBe(status);
});

test('another content type is no KMIP', async () => {
  expect((await send(discover(), { 'content-type': 'text/html' })).status).toBe(415);
});

test('requests sent ahead are performed in their order', async () => {
  const socket = connect({
    host: '127.0.0.1',
    port: kms.httpsPort,
    ca: pki.authority.caPem,
    cert: pki.east.certificatePem,
    key: pki.east.privateKeyPem,
  });
  await once(socket, 'secureConnect');
  kms.context.faults.add({ operation: 'Create', count: 1, action: { kind: 'delay', delayMs: 100 } });
  const attributes = [{ name: 'CryptographicAlgorithm', value: 'AES' }] as const;
  const create = requestBytes({ protocolVersion: '1.4' }, [
    { operation: 'Create', payload: { objectType: 'SymmetricKey', templateAttribute: { attributes } } },
  ]);
  const head = (length: number) =>
    `POST /kmip HTTP/1.1\r\nhost: kms\r\ncontent-type: application/octet-stream\r\ncontent-length: ${length}\r\n\r\n`;
  socket.write(
    Buffer.concat([create, discover()].flatMap((message) => [Buffer.from(head(message.length)), message])),
  );
  const entries = () => kms.context.journal.entries().map(({ operation }) => operation);
  let received = '';
  for await (const chunk of socket) {
    received += String(chunk);
    if (received.split('HTTP/1.1 200').length === 3) break;
  }
  expect(entries().slice(-2)).toEqual(['Create', 'DiscoverVersions']);
});

test('a client that stops in the middle of a request is cut off, and others are served meanwhile', async () => {
  const socket = connect({
    host: '127.0.0.1',
    port: kms.httpsPort,
    ca: pki.authority.caPem,
    cert: pki.east.certificatePem,
    key: pki.east.privateKeyPem,
  });
  await once(socket, 'secureConnect');
  socket.resume();
  const closed = once(socket, 'close');
  socket.write('POST /kmip HTTP/1.1\r\nhost: kms\r\ncontent-type: text/xml\r\ncontent-length: 100\r\n\r\n<');
  await expect(kms.client({ https: { encoding: 'xml' } }).create()).resolves.toBeTypeOf('string');
  await closed;
});

test('a client with a certificate of its own making is refused', async () => {
  const stranger = await selfSigned({ commonName: 'vc-east' });
  const client = kms.client({ https: { encoding: 'json' } }, stranger);
  await expect(client.create()).rejects.toMatchObject({ code: 'kmip_connection_failed' });
});

test.each([{ kind: 'reset' }, { kind: 'truncate' }, { kind: 'drop', when: 'after' }] as const)(
  'an injected fault cuts the exchange: $kind',
  async (action) => {
    const client = kms.client({ https: { encoding: 'xml' }, timeoutMs: 300 });
    const fault = kms.context.faults.add({ operation: 'Create', count: 1, action });
    await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: true });
    kms.context.faults.remove(fault.id);
    await expect(client.create()).resolves.toBeTypeOf('string');
  },
);

test('stop closes every connection of both ports', async () => {
  await using other = await startKms(pki, { https: { port: 0 } });
  const client = other.client({ https: { encoding: 'json' } });
  await client.create();
  const idle = connect({
    host: '127.0.0.1',
    port: other.httpsPort,
    ca: pki.authority.caPem,
    cert: pki.east.certificatePem,
    key: pki.east.privateKeyPem,
  });
  await once(idle, 'secureConnect');
  idle.resume();
  await Promise.all([other.service.stop(), once(idle, 'close')]);
});

test('without a configured port there is no HTTPS endpoint', async () => {
  await using other = await startKms(pki);
  expect(other.httpsPort).toBe(0);
});
