import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { makeDataDir } from '../../core/data-dir.js';
import { makePki, startKms } from '../kms/harness.js';
import type { Requirement } from './requires.js';
import { runs } from './requires.js';

/** Debian installs PyKMIP for the system's own Python. */
const PYTHON = '/usr/bin/python3';
const run = promisify(execFile);

/** PyKMIP, and the Python modules that a script needs beside it. */
export function pykmip(...modules: readonly string[]): Requirement {
  return {
    name: 'python3-pykmip',
    found: runs(PYTHON, '-c', `import ${['kmip', ...modules].join(', ')}`),
    install: 'apt-get install python3-pykmip',
  };
}

/** What a script prints: one JSON object a step. */
export type Step = Readonly<Record<string, unknown>> & { readonly step: string };

/** A key server for PyKMIP's client. */
export interface PykmipTarget extends AsyncDisposable {
  /** Runs a script of this folder, which speaks one version of KMIP to the server. */
  run(script: string, version: string): Promise<readonly Step[]>;
}

/** Starts a key server, and writes a client's certificate and key and the server's CA to files. */
export async function startPykmipTarget(): Promise<PykmipTarget> {
  const [pki, files] = await Promise.all([makePki(), makeDataDir()]);
  const kms = await startKms(pki);
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(files.path, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const credentials = await Promise.all([
    write('client.pem', pki.east.certificatePem),
    write('client-key.pem', pki.east.privateKeyPem),
    write('ca.pem', pki.authority.caPem),
  ]);
  return {
    async run(script, version) {
      const path = fileURLToPath(new URL(script, import.meta.url));
      const { stdout } = await run(PYTHON, [path, '127.0.0.1', `${kms.port}`, ...credentials, version]);
      const lines = stdout.trim().split('\n');
      return lines.map((line) => JSON.parse(line) as Step);
    },
    async [Symbol.asyncDispose]() {
      await kms[Symbol.asyncDispose]();
      await files.remove();
    },
  };
}
