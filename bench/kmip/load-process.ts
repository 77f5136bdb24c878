/**
 * The process that loads a server: TLS connections with one request under way on each. Of a response it looks at the
 * length and the Result Status only, so that what is measured is the server.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { tagValue } from '../../wire/kmip/index.js';
import type { LoadCommand, LoadReply, MeasureOptions, Measured, TargetOptions } from './load-protocol.js';

const HEADER_BYTES = 8;
/** Tag, type and length of a Result Status; the value 0 behind it is Success. */
const RESULT_STATUS = Buffer.alloc(HEADER_BYTES);
RESULT_STATUS.writeUInt32BE(tagValue('ResultStatus') * 0x100 + 0x05);
RESULT_STATUS.writeUInt32BE(4, 4);

/** Latencies kept of one measurement; further ones are counted, not kept. */
const LATENCY_LIMIT = 1_000_000;

/** One connection to a server. */
class LoadConnection {
  readonly #socket: TLSSocket;
  #closing = false;
  #received: Buffer | undefined;
  #answered: ((response: Buffer) => void) | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', fail);
    socket.on('close', () => {
      if (!this.#closing) fail(new Error('the server closed a connection'));
    });
  }

  /** Sends a request; `answered` is called with its response. */
  send(request: Buffer, answered: (response: Buffer) => void): void {
    this.#answered = answered;
    this.#socket.write(request);
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const response = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    if (response.length < HEADER_BYTES || response.length < HEADER_BYTES + response.readUInt32BE(4)) {
      this.#received = response;
      return;
    }
    this.#received = undefined;
    demandSuccess(response);
    this.#answered?.(response);
  }
}

/** Where the Result Status was found last; responses to one kind of request have it at one place. */
let statusOffset = 0;

function demandSuccess(response: Buffer): void {
  if (!isStatusAt(response, statusOffset)) statusOffset = response.indexOf(RESULT_STATUS);
  if (statusOffset < 0 || response.readUInt32BE(statusOffset + HEADER_BYTES) !== 0) {
    fail(new Error(`a response is no Success: ${response.toString('hex')}`));
  }
}

function isStatusAt(response: Buffer, offset: number): boolean {
  return (
    offset > 0 &&
    response.length >= offset + 16 &&
    response.readUInt32BE(offset) === RESULT_STATUS.readUInt32BE(0)
  );
}

const targets = new Map<
  string,
  { readonly connections: readonly LoadConnection[]; readonly cipher: string }
>();

async function connectTo(target: string, options: TargetOptions): Promise<void> {
  const connections: LoadConnection[] = [];
  let cipher = '';
  // One after another: the backlog of some servers is short.
  for (let count = 0; count < options.connections; count += 1) {
    const socket = connect({
      host: options.host,
      port: options.port,
      ca: readFileSync(options.caPath),
      cert: readFileSync(options.certificatePath),
      key: readFileSync(options.privateKeyPath),
      minVersion: options.tlsVersion,
      maxVersion: options.tlsVersion,
    });
    await once(socket, 'secureConnect');
    cipher = `${socket.getProtocol() ?? ''} ${socket.getCipher().name}`;
    connections.push(new LoadConnection(socket));
  }
  targets.set(target, { connections, cipher });
}

function measure(target: string, { requests, milliseconds }: MeasureOptions): Promise<Measured> {
  const { connections, cipher } = targets.get(target) ?? { connections: [], cipher: '' };
  const latencies = new Float64Array(LATENCY_LIMIT);
  const begin = performance.now();
  const end = begin + milliseconds;
  let responses = 0;
  let next = 0;
  let running = connections.length;
  return new Promise((resolve) => {
    const run = (connection: LoadConnection): void => {
      const request = requests[next] ?? Buffer.alloc(0);
      next = (next + 1) % requests.length;
      const sent = performance.now();
      connection.send(request, (response) => {
        const now = performance.now();
        latencies[responses] = now - sent;
        responses += 1;
        if (now < end) {
          run(connection);
          return;
        }
        running -= 1;
        if (running > 0) return;
        const sorted = latencies.subarray(0, responses).sort();
        resolve({
          responses,
          seconds: (now - begin) / 1000,
          latency: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
          sample: response,
          cipher,
        });
      });
    };
    for (const connection of connections) run(connection);
  });
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

function reply(message: LoadReply): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

async function perform(command: LoadCommand): Promise<LoadReply> {
  switch (command.kind) {
    case 'connect':
      await connectTo(command.target, command.options);
      return { kind: 'done' };
    case 'measure':
      return { kind: 'measured', measured: await measure(command.target, command.options) };
    case 'disconnect':
      for (const connection of targets.get(command.target)?.connections ?? []) connection.close();
      targets.delete(command.target);
      return { kind: 'done' };
  }
}

process.on('message', (command: LoadCommand) => {
  perform(command).then(reply, fail);
});
process.on('disconnect', () => process.exit());
