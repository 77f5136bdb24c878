import { connect } from 'node:tls';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';

import {
  HttpClient,
  VapiError,
  clientNameOf,
  createApp,
  jsonBody,
  requireClientNamed,
  startHttpsServer,
  validate,
  vapiErrorHandler,
} from '../../core/http/index.js';
import type { HttpsServer } from '../../core/http/index.js';
import { createLogger, silentLogger } from '../../core/logging.js';
import { CertificateAuthority, certificateThumbprintSha256 } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';

let ca: CertificateAuthority;
let serverIdentity: KeyAndCertificate;
let server: HttpsServer;

beforeAll(async () => {
  ca = await CertificateAuthority.create({ commonName: 'test CA' });
  serverIdentity = await ca.issueServer({ commonName: 'server', ipAddresses: ['127.0.0.1'] });
  const app = createApp();
  app.get('/who', (request, response) => void response.json({ name: clientNameOf(request) ?? null }));
  app.get('/admin', requireClientNamed(['vc-east']), (_request, response) => void response.json('in'));
  app.post('/echo', jsonBody(), (request, response) => {
    response.json(validate(z.strictObject({ size: z.number() }), request.body));
  });
  app.get('/missing', () => {
    throw new VapiError('NOT_FOUND', 'There is no such key; list the keys.');
  });
  app.get('/thing/:id', (request, response) => void response.json(request.params.id));
  app.get('/elsewhere', (_, response) => response.redirect('/who'));
  app.get('/broken', () => {
    throw new Error('the password is hunter2');
  });
  app.get('/full', () => {
    throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  });
  app.use(vapiErrorHandler(silentLogger));
  server = await startHttpsServer({
    app,
    host: '127.0.0.1',
    port: 0,
    tls: { ...serverIdentity, clientCaPem: ca.caPem, requestClientCertificate: 'optional' },
  });
});
afterAll(() => server.close());

async function withClient<T>(
  options: Partial<ConstructorParameters<typeof HttpClient>[0]>,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const client = new HttpClient({ baseUrl: server.url, caPem: ca.caPem, ...options });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

it.each([
  [
    'a service that does not answer as news',
    new VapiError('SERVICE_UNAVAILABLE', 'It is away.'),
    40,
    'reason',
  ],
  ['a defect as an error, with its place', new Error('no such field'), 50, 'err'],
])('logs %s', (_what, error, level, detail) => {
  const lines: string[] = [];
  const log = createLogger({
    name: 'test',
    level: 'info',
    stream: { write: (line) => void lines.push(line) },
  });
  const response = { setHeader: vi.fn(), status: () => response, json: vi.fn() };
  vapiErrorHandler(log)(error, { path: '/x' } as never, response as never, vi.fn());
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ level, msg: 'request failed' }]);
  expect(JSON.parse(lines[0]!)).toHaveProperty(detail);
});

describe('an HTTPS server and its client', () => {
  it('know each other by their certificates', async () => {
    const clientCertificate = await ca.issueClient({ commonName: 'vc-east' });
    const answer = await withClient({ clientCertificate }, (client) => client.json('GET', '/who'));
    expect(answer).toEqual({ name: 'vc-east' });
  });

  it('take a certificate of an unknown authority for none', async () => {
    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    const clientCertificate = await stranger.issueClient({ commonName: 'vc-east' });
    expect(await withClient({ clientCertificate }, (client) => client.json('GET', '/who'))).toEqual({
      name: null,
    });
  });

  it('refuse a call that needs another certificate, saying which', async () => {
    const none = withClient({}, (client) => client.json('GET', '/admin'));
    await expect(none).rejects.toMatchObject({ status: 401 });
    const clientCertificate = await ca.issueClient({ commonName: 'vc-west' });
    const other = withClient({ clientCertificate }, (client) => client.json('GET', '/admin'));
    await expect(other).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining('vc-east') as string,
    });
  });

  it('take a redirect for no answer, and do not follow it', async () => {
    const elsewhere = withClient({}, (client) => client.json('GET', '/elsewhere'));
    await expect(elsewhere).rejects.toMatchObject({ code: 'http_status', status: 302 });
  });

  it('do not talk when the server is not of a trusted authority', async () => {
    const stranger = await CertificateAuthority.create({ commonName: 'stranger' });
    const attempt = withClient({ caPem: stranger.caPem }, (client) => client.json('GET', '/who'));
    await expect(attempt).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('trust one pinned certificate without its authority, and no other', async () => {
    const pinned = certificateThumbprintSha256(serverIdentity.certificatePem);
    const ask = (pinnedThumbprintSha256: string): Promise<unknown> =>
      withClient({ caPem: undefined, pinnedThumbprintSha256 }, (client) => client.json('GET', '/who'));
    expect(await ask(pinned)).toEqual({ name: null });
    await expect(ask(pinned.replaceAll(/[0-9]/g, '0'))).rejects.toThrow(/does not have the thumbprint/);
  });

  it('do not speak TLS 1.1', async () => {
    const socket = connect({
      host: server.host,
      port: server.port,
      ca: ca.caPem,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toMatch(/protocol|version|alert/i);
  });
});

describe('a check of a request', () => {
  const lots = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`unknown-${index}`, 1]));

  it('reads no object of more members than any operation has, wherever it is', () => {
    const schema = z.strictObject({ list: z.array(z.unknown()) });
    expect(() => validate(schema, { list: [[{ deep: lots(1001) }]] })).toThrow(
      /has 1001 members; at most 1000/,
    );
    expect(validate(schema, { list: [lots(1000), Buffer.alloc(2000)] }).list).toHaveLength(2);
  });

  it('looks for what was meant with no more unknown members than it tells', () => {
    const schema = z.array(z.strictObject({ size: z.number().optional(), name: z.string().optional() }));
    const compared = vi.spyOn(String.prototype, 'toLowerCase');
    try {
      const given = Array.from({ length: 3 }, () => lots(1000));
      expect(() => validate(schema, given)).toThrow(/unknown key "unknown-0"/);
      expect(compared.mock.calls.length).toBeLessThan(1000);
    } finally {
      compared.mockRestore();
    }
  });
});

describe('vAPI errors', () => {
  it('carry type, message id and text', async () => {
    await expect(withClient({}, (client) => client.json('GET', '/missing'))).rejects.toMatchObject({
      status: 404,
      body: {
        error_type: 'NOT_FOUND',
        messages: [
          {
            id: 'com.vmware.vapi.std.errors.not_found',
            default_message: 'There is no such key; list the keys.',
            args: [],
          },
        ],
      },
    });
  });

  it('name a path that cannot be decoded, and not the body', async () => {
    const answer = await withClient({}, (client) => client.raw('GET', '/thing/%E0%A4%A'));
    expect(answer.status).toBe(400);
    expect(answer.body.toString()).toContain('percent-encoded');
  });

  it('say nothing of what an unexpected error said', async () => {
    const failure = withClient({}, (client) => client.json('GET', '/broken'));
    await expect(failure).rejects.toMatchObject({ status: 500 });
    await expect(failure).rejects.not.toThrow(/hunter2/);
  });

  it('say what to do about a disk that is full, and do not blame the caller', async () => {
    const failure = withClient({}, (client) => client.json('GET', '/full'));
    await expect(failure).rejects.toMatchObject({ status: 503 });
    await expect(failure).rejects.toThrow(/could not be completed.*no room left.*try again/);
  });

  it.each([
    ['{"size":', 400, 'UNEXPECTED_INPUT'],
    ['{"size":"1"}', 400, 'INVALID_ARGUMENT'],
    ['{"size":1,"more":2}', 400, 'INVALID_ARGUMENT'],
    [JSON.stringify({ size: 'x'.repeat(1_100_000) }), 400, 'INVALID_ARGUMENT'],
  ])('answer a bad body (%#) and the connection goes on', async (body, status, errorType) => {
    await withClient({}, async (client) => {
      const answer = await client.raw('POST', '/echo', body, { 'content-type': 'application/json' });
      expect(answer.status).toBe(status);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ error_type: errorType });
      expect(await client.json('POST', '/echo', { size: 1 })).toEqual({ size: 1 });
    });
  });

  it('names unknown fields in an answer of bounded size', async () => {
    await withClient({}, async (client) => {
      const body = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field-${index}`, 1]));
      const error: unknown = await client.json('POST', '/echo', body).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ status: 400, body: { error_type: 'INVALID_ARGUMENT' } });
      expect(JSON.stringify(error)).toContain('field-0');
      expect(JSON.stringify(error).length).toBeLessThan(8192);
    });
  });
});
