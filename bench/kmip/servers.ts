import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { PemFiles } from './certificates.js';
import { ServerProcess } from './server-process.js';

const KPSIM = fileURLToPath(new URL('../../bin/kpsim.js', import.meta.url));
const ECHO = fileURLToPath(new URL('echo-server.js', import.meta.url));
const PYTHON = '/usr/bin/python3';
/** Where Debian's package python3-pykmip puts the server. */
const PYKMIP = '/usr/lib/python3/dist-packages/kmip/services/server/server.py';
const READY = /^Ready\./;
/** Attempts to reach a server that does not say when it is ready, and the time between two, in milliseconds. */
const ATTEMPTS = { count: 200, everyMs: 50 };

/** A server that is ready. */
export interface RunningServer {
  readonly server: ServerProcess;
  readonly port: number;
}

/** `kpsim kms` with certificates of the benchmark, its store in a directory on disk. */
export async function startKpsim(dataDir: string, files: PemFiles): Promise<RunningServer> {
  const args = ['kms', '--port', '0', '--data', dataDir];
  const tls = ['--tls-certificate', files.certificatePath, '--tls-private-key', files.privateKeyPath];
  const server = await ServerProcess.start(
    process.execPath,
    [KPSIM, ...args, ...tls, '--tls-trusted-ca', files.caPath],
    READY,
  );
  return { server, port: portIn(server.readyLine, /kmip:\/\/[^:]+:(\d+)/) };
}

/** `kpsim kms --port 0` as a user starts it, with nothing there: the time to its Ready line in milliseconds. */
export async function timeToReady(): Promise<number> {
  const server = await ServerProcess.start(process.execPath, [KPSIM, 'kms', '--port', '0'], READY);
  await server.stop();
  return server.readyMs;
}

/** Node itself: the time in which a program of a line says that it is ready, in milliseconds. */
export async function timeOfNode(): Promise<number> {
  const program = await ServerProcess.start(process.execPath, ['-e', 'console.log("Ready.")'], READY);
  await program.stop();
  return program.readyMs;
}

/** The bare mutual-TLS server. @param response what it answers to each `requestBytes` bytes */
export async function startEcho(
  requestBytes: number,
  response: Buffer,
  files: PemFiles,
): Promise<RunningServer> {
  const server = await ServerProcess.start(
    process.execPath,
    [
      ECHO,
      String(requestBytes),
      response.toString('hex'),
      files.caPath,
      files.certificatePath,
      files.privateKeyPath,
    ],
    READY,
  );
  return { server, port: portIn(server.readyLine, /(\d+)$/) };
}

/** The PyKMIP server of Debian with its store in a directory on disk; undefined if it is not installed. */
export async function startPykmip(directory: string, files: PemFiles): Promise<RunningServer | undefined> {
  if (!existsSync(PYKMIP)) return undefined;
  const policyPath = join(directory, 'policies');
  await mkdir(policyPath, { recursive: true });
  const port = await freePort();
  const configPath = join(directory, 'server.conf');
  const settings = {
    hostname: '127.0.0.1',
    port,
    certificate_path: files.certificatePath,
    key_path: files.privateKeyPath,
    ca_path: files.caPath,
    auth_suite: 'TLS1.2',
    policy_path: policyPath,
    database_path: join(directory, 'pykmip.db'),
    logging_level: 'ERROR',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  await writeFile(configPath, `[server]\n${lines.join('\n')}\n`);
  // It prints nothing; the line is ours, and the port tells the rest.
  const program =
    'import sys; from kmip.services.server.server import main; print("starting", flush=True); main()';
  const args = ['-W', 'ignore', '-c', program, '-f', configPath, '-l', join(directory, 'server.log')];
  const server = await ServerProcess.start(PYTHON, args, /^starting$/);
  await reachable(port);
  return { server, port };
}

function portIn(line: string, pattern: RegExp): number {
  const port = Number(pattern.exec(line)?.[1]);
  if (!Number.isInteger(port)) throw new Error(`no port in the line: ${line}`);
  return port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function reachable(port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS.count; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await sleep(ATTEMPTS.everyMs);
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}
