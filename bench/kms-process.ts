import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { systemClock } from '../core/clock.js';
import { KmipClient } from '../kms/client.js';
import type { KmipClientOptions } from '../kms/client.js';
import { CertificateStore } from '../lab/certificates.js';

/** The command as users run it, beside this file in what `npm run build` makes. */
const COMMAND = fileURLToPath(new URL('../bin/kpsim.js', import.meta.url));

const READY = /^Ready\. kmip kmip:\/\/127\.0\.0\.1:(?<port>\d+) {2}admin (?<adminUrl>\S+)$/;
type ReadyLine = Readonly<Record<'port' | 'adminUrl', string>>;
const LOADED = /^kmip_keys_loading 0$/m;
const LOADED_WITHIN_MS = 600_000;

/** A key server in a process of its own: `kpsim kms`. */
export class KmsProcess implements AsyncDisposable {
  readonly port: number;
  /** From the start of the process to its Ready line, in milliseconds. */
  readonly startMs: number;
  readonly #process: ChildProcess;
  readonly #dataDir: string;
  readonly #clients: KmipClient[] = [];
  readonly #adminUrl: string;
  readonly #started: number;

  private constructor(process: ChildProcess, dataDir: string, ready: ReadyLine, started: number) {
    this.#process = process;
    this.#dataDir = dataDir;
    this.#adminUrl = ready.adminUrl;
    this.#started = started;
    this.port = Number(ready.port);
    this.startMs = performance.now() - started;
  }

  /** Starts a key server on a data directory. @param command path of `bin/kpsim.js` */
  static async start(
    dataDir: string,
    options: { readonly arguments?: readonly string[]; readonly command?: string } = {},
  ): Promise<KmsProcess> {
    const started = performance.now();
    const server = spawn(
      process.execPath,
      [options.command ?? COMMAND, 'kms', '--data', dataDir, '--port', '0', ...(options.arguments ?? [])],
      // KPSIM_… variables are settings; those of the caller are not this server's.
      { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env.PATH ?? '' } },
    );
    for await (const line of createInterface({ input: server.stdout })) {
      const ready = READY.exec(line)?.groups;
      if (ready === undefined) continue;
      // What else it prints must not fill the pipe.
      server.stdout.resume();
      return new KmsProcess(server, dataDir, ready as ReadyLine, started);
    }
    throw new Error(`kpsim kms ended before it was ready (${String(server.exitCode)})`);
  }

  /** A client with a certificate of the server's own authority. */
  async client(options: Partial<KmipClientOptions> = {}): Promise<KmipClient> {
    const certificates = await CertificateStore.existing(this.#dataDir, systemClock);
    const { certificatePem, privateKeyPem } = await certificates.client('bench');
    const client = new KmipClient({
      servers: [{ host: '127.0.0.1', port: this.port }],
      tls: { certificatePem, privateKeyPem, caPem: certificates.caPem },
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  /** Waits until the keys of the store are in memory. @returns milliseconds since the start of the process */
  async whenLoaded(): Promise<number> {
    for (;;) {
      const response = await fetch(`${this.#adminUrl}/metrics`);
      const elapsed = performance.now() - this.#started;
      if (LOADED.test(await response.text())) return elapsed;
      if (elapsed > LOADED_WITHIN_MS) throw new Error('the keys of the store are not in memory yet');
      await setTimeout(250);
    }
  }

  /** Memory that the process has in RAM, in bytes (Linux). */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Ends the process at once, as a lost machine ends. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Has the process stop in order. */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    await this.#end('SIGTERM');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill(signal);
    await ended;
  }
}
