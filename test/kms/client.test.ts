import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createServer as createTlsServer } from 'node:tls';

import { beforeAll, expect, test } from 'vitest';

import { KmipClient, KmipConnectionError } from '../../kms/client.js';
import type { RequestMessage, ResponseBatchItem } from '../../wire/kmip/index.js';
import { decodeRequest, encodeResponse } from '../../wire/kmip/index.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const tls = () => ({ ...pki.east, caPem: pki.authority.caPem });

test('a client passes over a server that is down', async () => {
  await using kms = await startKms(pki);
  await using gone = await startKms(pki);
  await gone.stop();
  const servers = [
    { host: '127.0.0.1', port: gone.port },
    { host: '127.0.0.1', port: kms.port },
  ];
  const client = new KmipClient({ servers, tls: tls() });
  await expect(client.create()).resolves.toBeTypeOf('string');
  await client.close();
});

test('a client says which servers it tried when all are down', async () => {
  await using gone = await startKms(pki);
  await gone.stop();
  const server = { host: '127.0.0.1', port: gone.port };
  const client = new KmipClient({ servers: [server, server], tls: tls() });
  await expect(client.create()).rejects.toThrow(new RegExp(`127.0.0.1:${gone.port}.*127.0.0.1:${gone.port}`));
  await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: false });
  await client.close();
});

test('a read goes on over a new connection when the server was restarted', async () => {
  await using first = await startKms(pki);
  const client = new KmipClient({ servers: [{ host: '127.0.0.1', port: first.port }], tls: tls() });
  const id = await client.create();
  await first.service.stop();
  await using second = await startKms(pki, { port: first.port }, { dataDir: first.context.dataDir });
  expect(second.port).toBe(first.port);
  await expect(client.get(id)).resolves.toBeDefined();
  await client.close();
});

test('a read that one server does not answer is asked of the next, which is preferred from then on', async () => {
  await using silent = await startKms(pki, { name: 'kms-1' });
  await using good = await startKms(pki, { name: 'kms-2' });
  const servers = [silent, good].map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new KmipClient({ servers, tls: tls(), timeoutMs: 300 });
  const fault = silent.context.faults.add({ action: { kind: 'drop', when: 'before' } });
  await expect(client.query(['QueryObjects'])).resolves.toBeDefined();
  expect(silent.context.faults.list()).toMatchObject([{ id: fault.id, hits: 1 }]);
  await expect(client.query(['QueryObjects'])).resolves.toBeDefined();
  expect(silent.context.faults.list()).toMatchObject([{ hits: 1 }]);
  await client.close();
});

test('a change that is not answered is reported, and not repeated anywhere', async () => {
  await using silent = await startKms(pki, { name: 'kms-1' });
  await using good = await startKms(pki, { name: 'kms-2' });
  const servers = [silent, good].map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new KmipClient({ servers, tls: tls(), timeoutMs: 300 });
  silent.context.faults.add({ action: { kind: 'drop', when: 'after' } });
  await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: true });
  expect(await good.client().locate()).toEqual([]);
  // The next one goes to the server that answers.
  await client.create();
  expect(await good.client().locate()).toHaveLength(1);
  await client.close();
});

test('no more connections are opened than the pool allows', async () => {
  await using kms = await startKms(pki);
  const client = kms.client({ poolSize: 2 });
  await Promise.all(Array.from({ length: 20 }, () => client.create()));
  expect(await kms.context.metrics.render()).toMatch(/^kmip_connections 2$/m);
});

/** A server that listens until the test is over. */
async function listening(server: Server): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

/** A key server that answers as a test wants; counts its connections. */
function odd(
  answer: (request: RequestMessage, socket: TLSSocket) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
  const { certificatePem: cert, privateKeyPem: key } = pki.server;
  const server = createTlsServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => answer(decodeRequest(bytes), socket));
  });
  return listening(server);
}

function responseTo({ header }: RequestMessage, batchItems: readonly ResponseBatchItem[]): Buffer {
  const { protocolVersion } = header;
  return encodeResponse({
    header: { protocolVersion, timeStamp: 0, batchCount: batchItems.length },
    batchItems,
  });
}

const success = (operation: 'Ping' | 'Activate', payload: unknown, id?: Buffer): ResponseBatchItem => ({
  operation,
  uniqueBatchItemId: id,
  resultStatus: 'Success',
  responsePayload: payload,
});

test('many connections that are opened at once cause no warning of the process', async () => {
  await using kms = await startKms(pki);
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const client = kms.client({ poolSize: 16 });
  await Promise.all(Array.from({ length: 16 }, () => client.locate([])));
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

test('results are in the order of the batch, whatever order the server answers in', async () => {
  await using server = await odd((request, socket) => {
    const items = request.batchItems.map(({ uniqueBatchItemId, requestPayload }) =>
      success('Activate', requestPayload, uniqueBatchItemId),
    );
    socket.write(responseTo(request, items.reverse()));
  });
  const client = new KmipClient({ servers: [{ host: '127.0.0.1', port: server.port }], tls: tls() });
  const batch = ['a', 'b', 'c'].map(
    (uniqueIdentifier) => ({ operation: 'Activate', payload: { uniqueIdentifier } }) as const,
  );
  expect((await client.request(batch)).map(({ payload }) => payload)).toEqual(
    batch.map(({ payload }) => payload),
  );
  await client.close();
});

test('an answer that nobody asked for is not taken for the next one', async () => {
  let connections = 0;
  await using server = await odd((request, socket) => {
    connections += 1;
    const answer = responseTo(request, [success('Ping', {})]);
    socket.write(Buffer.concat([answer, answer]));
  });
  const client = new KmipClient({
    servers: [{ host: '127.0.0.1', port: server.port }],
    tls: tls(),
    protocolVersion: '2.1',
  });
  await client.ping();
  await client.ping();
  expect(connections).toBe(2);
  await client.close();
});

test('a server that accepts connections but speaks no TLS is given up after the timeout', async () => {
  await using silent = await listening(createServer());
  const client = new KmipClient({
    servers: [{ host: '127.0.0.1', port: silent.port }],
    tls: tls(),
    timeoutMs: 50,
  });
  await expect(client.create()).rejects.toMatchObject({
    message: expect.stringContaining('no TLS connection within 50 ms') as string,
    mayHaveBeenPerformed: false,
  });
  await client.close();
});

test('closing a client ends what connects, what is under way and what waits', async () => {
  await using silent = await listening(createServer());
  const connecting = new KmipClient({ servers: [{ host: '127.0.0.1', port: silent.port }], tls: tls() });
  const unconnected = connecting.create();
  await connecting.close();
  await expect(unconnected).rejects.toMatchObject({ mayHaveBeenPerformed: false });

  let asked = (): void => undefined;
  const arrival = new Promise<void>((resolve) => {
    asked = resolve;
  });
  await using mute = await odd(() => asked());
  const client = new KmipClient({
    servers: [{ host: '127.0.0.1', port: mute.port }],
    tls: tls(),
    poolSize: 1,
  });
  const [underWay, waiting] = [client.create(), client.create()];
  await arrival;
  await Promise.all([
    expect(underWay).rejects.toMatchObject({ mayHaveBeenPerformed: true }),
    expect(waiting).rejects.toMatchObject({ mayHaveBeenPerformed: false }),
    client.close(),
  ]);
  await expect(client.probe()).rejects.toThrow('This KMIP client is closed.');
});

test('a private key that is not one is named before anything is sent', async () => {
  const client = new KmipClient({
    servers: [{ host: '127.0.0.1', port: 1 }],
    tls: { ...tls(), privateKeyPem: 'not a key' },
  });
  await expect(client.create()).rejects.toMatchObject({
    name: 'KmipConnectionError',
    message: expect.stringContaining('must be PEM') as string,
  });
  await client.close();
});

test('requests over one connection go one after another', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  const found = await client.withConnection(async (connection) => {
    await Promise.all(Array.from({ length: 5 }, () => connection.create()));
    return connection.locate();
  });
  expect(found).toHaveLength(5);
});

test('a closed client refuses requests', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  await client.create();
  await client.close();
  await expect(client.create()).rejects.toBeInstanceOf(KmipConnectionError);
});
