import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import { requestBytes } from '../../kms/client/session.js';
import { decodeResponse } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';

/*
 * Clients that behave badly, and one that does not: its requests are answered while the others go on. Servers whose
 * patience is tested have little of it and no other clients; the others have more than any machine under load needs.
 */
const PATIENT = { messageBytes: 64 * 1024, handshakeSeconds: 600, frameSeconds: 600, idleSeconds: 3600 };
const HASTY = { handshakeSeconds: 0.05, frameSeconds: 0.05 };

let pki: TestPki;
let kms: TestKms;
const sockets: Socket[] = [];
/** A TLS socket cannot send a reset itself. */
const transports = new WeakMap<TLSSocket, Socket>();
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { https: { port: 0 }, limits: PATIENT });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const discover = () =>
  requestBytes({ protocolVersion: '1.2' }, [{ operation: 'DiscoverVersions', payload: {} }]);

/** A request with an answer of 2 kB. */
const query = () =>
  requestBytes({ protocolVersion: '1.4' }, [
    { operation: 'Query', payload: { queryFunctions: ['QueryOperations', 'QueryObjects', 'QueryProfiles'] } },
  ]);

/** How one port is spoken to. */
interface Door {
  readonly name: string;
  /** Connections that are left idle. */
  readonly idle: number;
  port(server: TestKms): number;
  bystander(): KmipClient;
  /** A request as it goes over the wire; Discover Versions unless told. */
  request(message?: Buffer): Buffer;
}

const HTTP_HEAD = 'POST /kmip HTTP/1.1\r\nHost: kms\r\nContent-Type: application/octet-stream\r\n';

const DOORS: readonly Door[] = [
  {
    name: 'TLS',
    idle: 1000,
    port: ({ port }) => port,
    bystander: () => kms.client(),
    request: (message = discover()) => message,
  },
  {
    name: 'HTTPS',
    idle: 100,
    port: ({ httpsPort }) => httpsPort,
    bystander: () => kms.client({ https: { encoding: 'json' } }),
    request(body = discover()) {
      return Buffer.concat([Buffer.from(`${HTTP_HEAD}Content-Length: ${body.length}\r\n\r\n`), body]);
    },
  },
];

/** A TCP connection that speaks no TLS yet. */
async function halfOpen(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** A TLS connection that reads nothing as long as it is not told to. */
async function opened(port: number): Promise<TLSSocket> {
  const transport = connect({ host: '127.0.0.1', port });
  transport.on('error', () => undefined);
  const { certificatePem: cert, privateKeyPem: key } = pki.east;
  const socket = connectTls({ socket: transport, ca: pki.authority.caPem, cert, key, servername: 'kms-1' });
  socket.on('error', () => undefined);
  sockets.push(socket, transport);
  transports.set(socket, transport);
  await once(socket, 'secureConnect');
  return socket;
}

/** Resolves when a connection is closed, in whatever way. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

async function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  while (made.length < count) {
    const batch = Math.min(50, count - made.length);
    made.push(...(await Promise.all(Array.from({ length: batch }, make))));
  }
  return made;
}

async function openConnections(server: TestKms): Promise<number> {
  return Number(/^kmip_connections (\d+)/m.exec(await server.context.metrics.render())?.[1]);
}

describe.each(DOORS)('over $name, others are served', (door) => {
  let bystander: KmipClient;
  const port = (): number => door.port(kms);
  const served = () => expect(bystander.create()).resolves.toBeTypeOf('string');
  beforeAll(() => {
    bystander = door.bystander();
  });

  test('while handshakes are half-open', async () => {
    const silent = await many(200, () => halfOpen(port()));
    // The first bytes of a handshake message that promises more.
    for (const socket of silent.slice(100)) socket.write(Buffer.from('1603010200010001fc0303', 'hex'));
    await served();
    await expect(door.bystander().create()).resolves.toBeTypeOf('string');
    expect(silent.every((socket) => !socket.destroyed)).toBe(true);
  });

  test('while requests arrive byte by byte', async () => {
    const slow = await many(20, () => opened(port()));
    const answers = slow.map((socket) => once(socket, 'data'));
    const request = door.request();
    for (const [at, byte] of request.entries()) {
      for (const socket of slow) socket.write(Buffer.of(byte));
      if (at === request.length >> 1) await served();
    }
    expect(await Promise.all(answers)).toHaveLength(20);
  });

  test(`while ${door.idle} connections are idle`, async () => {
    // Both ends of a connection are in this process.
    const descriptors = Number(
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1],
    );
    const count = Math.min(door.idle, (descriptors - 500) >> 1);
    const idle = await many(count, () => opened(port()));
    await served();
    expect(idle.every((socket) => !socket.destroyed)).toBe(true);
    expect(await openConnections(kms)).toBeGreaterThanOrEqual(count);
  }, 120_000);

  test('while a flood of requests is answered, before its end', async () => {
    const FLOOD = 4000;
    const flooding = await opened(port());
    let bytes = 0;
    flooding.on('data', (chunk: Buffer) => (bytes += chunk.length));
    flooding.write(door.request());
    await once(flooding, 'data');
    const answer = bytes;
    flooding.write(Buffer.concat(Array.from({ length: FLOOD }, () => door.request())));
    await served();
    expect(bytes).toBeLessThan(answer * FLOOD);
    while (bytes < answer * FLOOD) await once(flooding, 'data');
  });

  test('while clients do not read their answers', async () => {
    const deaf = await many(10, () => opened(port()));
    for (const socket of deaf) {
      socket.pause();
      socket.write(Buffer.concat(Array.from({ length: 500 }, () => door.request())));
    }
    await served();
    expect(deaf.every((socket) => !socket.destroyed)).toBe(true);
  });

  test('while connections are reset in the middle of requests and of answers', async () => {
    const request = door.request();
    const resetting = await many(40, () => opened(port()));
    for (const [index, socket] of resetting.entries()) {
      const part = index % 2 === 0 ? request.subarray(0, request.length >> 1) : request;
      socket.write(part, () => transports.get(socket)?.resetAndDestroy());
    }
    await Promise.all(resetting.map(closing));
    await served();
  });
});

test('over TLS, others are served while messages past the limit are refused', async () => {
  const bystander = kms.client();
  const clients = await many(10, () => RawClient.open(pki, kms.port));
  const answers = clients.map((client) => client.exchange(Buffer.from('420078017ffffff8', 'hex')));
  // What they send after all is not read any more.
  for (const { socket } of clients) socket.write(Buffer.alloc(200 * 1024));
  await expect(bystander.create()).resolves.toBeTypeOf('string');
  for (const answer of await Promise.all(answers))
    expect(decodeResponse(answer!).batchItems[0]?.resultReason).toBe('InvalidMessage');
  await Promise.all(clients.map((client) => client.closed()));
});

describe.each(DOORS)('over $name, patience ends', (door) => {
  const start = (limits: Partial<typeof PATIENT>): Promise<TestKms> =>
    startKms(pki, { https: { port: 0 }, limits: { ...PATIENT, ...limits } });

  test('with a handshake that does not begin, and with one that goes on byte by byte', async () => {
    await using server = await start({ handshakeSeconds: HASTY.handshakeSeconds });
    const silent = await halfOpen(door.port(server));
    const slow = await halfOpen(door.port(server));
    const closed = [silent, slow].map((socket) => closing(socket.resume()));
    // A record of 16 KiB, which would take minutes like this.
    slow.write(Buffer.from('160301400001003ffc0303', 'hex'));
    while (!slow.destroyed) {
      slow.write(Buffer.of(0));
      await pause(5);
    }
    await Promise.all(closed);
  });

  test('with a request that stops, and with one that goes on byte by byte', async () => {
    await using server = await start({ frameSeconds: HASTY.frameSeconds });
    const stopped = await opened(door.port(server));
    const slow = await opened(door.port(server));
    const closed = [stopped, slow].map((socket) => closing(socket.resume()));
    stopped.write(door.request().subarray(0, 20));
    slow.write(door.request().subarray(0, 6));
    while (!slow.destroyed) {
      slow.write('x');
      await pause(5);
    }
    await Promise.all(closed);
  });

  test('with a client that reads nothing, and its requests wait unread meanwhile', async () => {
    const FLOOD = 40_000;
    await using server = await start({ frameSeconds: HASTY.frameSeconds });
    const deaf = await opened(door.port(server));
    const closed = closing(deaf);
    deaf.pause();
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => door.request(query())));
    for (let sent = 0; sent < FLOOD; sent += 1000) deaf.write(flood);
    await closed;
    const answered = /^kmip_operations_total\{operation="Query",outcome="success"\} (\d+)/m.exec(
      await server.context.metrics.render(),
    )?.[1];
    expect(Number(answered)).toBeLessThan(FLOOD);
  });
});
