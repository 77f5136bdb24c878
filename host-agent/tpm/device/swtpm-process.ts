import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

import { KpsimError } from '../../../core/errors.js';
import type { TpmAddress } from './device.js';
import { ParentWatch } from './parent-watch.js';

/** Where swtpm is looked for: on PATH, then where Debian and others put it. */
export const SWTPM_PROGRAMS: readonly string[] = ['swtpm', '/usr/bin/swtpm', '/usr/sbin/swtpm'];

const PID_FILE = 'swtpm.pid';
const START_MS = 10_000;
const END_MS = 3_000;
const POLL_MS = 1;
const MOST_PORT_ATTEMPTS = 20;
const HIGHEST_PORT = 65_534;
const KEPT_WORDS = 1000;

/** What is running, so that an orderly end of this process is theirs too; see {@link ParentWatch} for any other. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill();
});

/** How a swtpm process is started. */
export interface SwtpmProcessOptions {
  /** Its state directory, which exists; it is its working directory too. */
  readonly directory: string;
  /** Key of its state files, 32 bytes in hexadecimal; secret. */
  readonly stateKeyHex: string;
  /** Where it listens; port 0 for any two ports in a row. */
  readonly listen: TpmAddress;
  /** {@link SWTPM_PROGRAMS} unless told. */
  readonly programs?: readonly string[] | undefined;
}

/** A swtpm process that listens, its TPM without power until INIT. */
export class SwtpmProcess {
  readonly address: TpmAddress;
  /** Fulfilled with its last words when it has ended, however that came. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: TpmAddress, ended: Promise<string>) {
    this.#child = child;
    this.address = address;
    this.ended = ended;
  }

  /**
   * Starts it and waits until it listens.
   *
   * @throws KpsimError `tpm_program_missing`, `port_in_use`, `tpm_unavailable` if it ends or does not listen; it is
   *   not left running then
   */
  static async start(options: SwtpmProcessOptions): Promise<SwtpmProcess> {
    await endOrphan(options.directory);
    const { host, port } = options.listen;
    for (let attempt = 1; ; attempt += 1) {
      const address = { host, port: port === 0 ? await freePortPair(host) : port };
      const lastWords = await SwtpmProcess.#attempt(options, address);
      if (lastWords instanceof SwtpmProcess) return lastWords;
      if (!lastWords.includes('already in use')) {
        throw new KpsimError('tpm_unavailable', `swtpm did not start: ${lastWords || 'it said nothing'}`);
      }
      if (port !== 0 || attempt === MOST_PORT_ATTEMPTS) throw portInUse(port);
    }
  }

  /** @returns the last words of a process that ended before it listened */
  static async #attempt(options: SwtpmProcessOptions, address: TpmAddress): Promise<SwtpmProcess | string> {
    const child = await spawned(options, address);
    const words = keptWords(child);
    const watch = child.pid === undefined ? undefined : new ParentWatch(child.pid);
    const ended = new Promise<string>((resolve) => {
      child.once('exit', () => {
        running.delete(child);
        watch?.end();
      });
      child.once('close', (code, signal) => {
        resolve(words() || `it ended with ${signal ?? `status ${code}`}`);
      });
    });
    const started = new SwtpmProcess(child, address, ended);
    const deadline = performance.now() + START_MS;
    while (child.exitCode === null && child.signalCode === null) {
      // It writes its process id when both ports are its own, before it serves the first client.
      if ((await pidIn(options.directory)) === child.pid) return started;
      if (performance.now() > deadline) {
        await started.end();
        return `it does not listen after ${START_MS} ms`;
      }
      await delay(POLL_MS);
    }
    return ended;
  }

  /** Ends it. Its state is on disk already. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const forced = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    this.#child.kill();
    await this.ended;
    clearTimeout(forced);
  }
}

/** Starts the first program that is there. */
async function spawned(options: SwtpmProcessOptions, { host, port }: TpmAddress): Promise<ChildProcess> {
  const args = [
    ...['socket', '--tpm2', '--tpmstate', 'dir=.,mode=0600', '--pid', `file=${PID_FILE}`],
    ...['--server', `type=tcp,port=${port},bindaddr=${host}`],
    ...['--ctrl', `type=tcp,port=${port + 1},bindaddr=${host}`],
    ...['--key', 'fd=3,mode=aes-256-cbc,format=hex'],
  ];
  await rm(join(options.directory, PID_FILE), { force: true });
  for (const program of options.programs ?? SWTPM_PROGRAMS) {
    const child = spawn(program, args, {
      cwd: options.directory,
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const found = await once(child, 'spawn').then(
      () => true,
      () => false,
    );
    if (!found) continue;
    running.add(child);
    const keyPipe = child.stdio[3] as Duplex;
    // A process that ends at once does not read it; how it ended is told elsewhere.
    keyPipe.on('error', () => undefined).resume();
    keyPipe.end(options.stateKeyHex);
    child.on('error', () => undefined);
    return child;
  }
  throw new KpsimError(
    'tpm_program_missing',
    'The host is to have a swtpm, and there is no program swtpm on PATH, in /usr/bin or in /usr/sbin. ' +
      'Install it (Debian: apt-get install swtpm), or set tpm to software.',
  );
}

/** What the process has said on standard error, its end only. */
function keptWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    words = (words + chunk).slice(-KEPT_WORDS);
  });
  return () => words.replaceAll(/\s+/g, ' ').trim();
}

/**
 * Ends a swtpm that an earlier run has left behind in this directory, as after SIGKILL: it would keep the state locked.
 * The directory belongs to this process, so whatever swtpm works in it is ours.
 */
export async function endOrphan(directory: string): Promise<void> {
  const pid = await pidIn(directory);
  if (pid === undefined || !(await isOrphan(pid, directory))) return;
  process.kill(pid, 'SIGKILL');
  const deadline = performance.now() + END_MS;
  while ((await isOrphan(pid, directory)) && performance.now() < deadline) await delay(POLL_MS);
}

async function isOrphan(pid: number, directory: string): Promise<boolean> {
  try {
    const [cwd, name] = await Promise.all([readlink(`/proc/${pid}/cwd`), readFile(`/proc/${pid}/comm`)]);
    return cwd === (await realpath(directory)) && name.toString().trim() === 'swtpm';
  } catch {
    // No such process, or not ours to look at.
    return false;
  }
}

async function pidIn(directory: string): Promise<number | undefined> {
  const text = await readFile(join(directory, PID_FILE), 'utf8').catch(() => '');
  return /^\d{1,10}\s*$/.test(text) ? Number(text) : undefined;
}

/** Two ports in a row that were free a moment ago. @throws KpsimError `port_in_use` */
async function freePortPair(host: string): Promise<number> {
  for (let attempt = 0; attempt < MOST_PORT_ATTEMPTS; attempt += 1) {
    const first = await listening(host, 0);
    const address = first?.address();
    const port = typeof address === 'object' && address !== null ? address.port : HIGHEST_PORT + 1;
    const second = port > HIGHEST_PORT ? undefined : await listening(host, port + 1);
    first?.close();
    second?.close();
    if (second) return port;
  }
  throw portInUse(0);
}

function listening(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}

function portInUse(port: number): KpsimError {
  return new KpsimError(
    'port_in_use',
    port === 0
      ? 'No two ports in a row are free for swtpm. Free some, or set tpmPort.'
      : `Port ${port} or the one after it is in use. Set another tpmPort, or 0 for any.`,
  );
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
