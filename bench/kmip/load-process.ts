/**
 * The process that loads a server: TLS connections with one request under way on each. Of a response it looks at the
 * length and the status only, so that what is measured is the server.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { FRAMINGS } from './framings.js';
import type { Framing } from './framings.js';
import { cpuSecondsSince, fail, quantile, serveCommands } from './load-commands.js';
import type { MeasureOptions, Measured, TargetOptions } from './load-protocol.js';

/** Latencies kept of one measurement; further ones are counted, not kept. */
const LATENCY_LIMIT = 1_000_000;

/** One connection to a server. */
class LoadConnection {
  readonly #socket: TLSSocket;
  readonly #framing: Framing;
  #closing = false;
  #received: Buffer | undefined;
  #answered: ((response: Buffer) => void) | undefined;

  constructor(socket: TLSSocket, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
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
    if (response.length < this.#framing.lengthOf(response)) {
      this.#received = response;
      return;
    }
    this.#received = undefined;
    if (!this.#framing.isSuccess(response)) {
      fail(new Error(`a response is no success: ${response.toString(this.#framing.shownAs)}`));
    }
    this.#answered?.(response);
  }
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
    connections.push(new LoadConnection(socket, FRAMINGS[options.framing]));
  }
  targets.set(target, { connections, cipher });
}

function measure(target: string, { requests, milliseconds }: MeasureOptions): Promise<Measured> {
  const { connections, cipher } = targets.get(target) ?? { connections: [], cipher: '' };
  const latencies = new Float64Array(LATENCY_LIMIT);
  const cpuBefore = process.cpuUsage();
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
          cpuSeconds: cpuSecondsSince(cpuBefore),
          latency: { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
          sample: response,
          cipher,
        });
      });
    };
    for (const connection of connections) run(connection);
  });
}

function disconnect(target: string): void {
  for (const connection of targets.get(target)?.connections ?? []) connection.close();
  targets.delete(target);
}

serveCommands({ connect: connectTo, measure, disconnect });
