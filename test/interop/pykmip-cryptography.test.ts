import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DataDir } from '../../core/data-dir.js';
import { makeDataDir } from '../../core/data-dir.js';
import type { TestKms, TestPki } from '../kms/harness.js';
import { makePki, startKms } from '../kms/harness.js';
import { describeWith, runs } from './requires.js';

/** Debian installs PyKMIP for the system's own Python. */
const PYTHON = '/usr/bin/python3';
const SCRIPT = fileURLToPath(new URL('pykmip-cryptography.py', import.meta.url));
const run = promisify(execFile);

const pykmip = {
  name: 'python3-pykmip',
  found: runs(PYTHON, '-c', 'import kmip, cryptography'),
  install: 'apt-get install python3-pykmip',
};

const STEPS = ['encrypt', 'decrypt', 'random IV', 'mac', 'sign', 'verify', 'verify another message'] as const;

describeWith(pykmip, 'the cryptography of PyKMIP', () => {
  let pki: TestPki;
  let kms: TestKms;
  let files: DataDir;

  beforeAll(async () => {
    [pki, files] = await Promise.all([makePki(), makeDataDir()]);
    kms = await startKms(pki);
    await Promise.all([
      writeFile(join(files.path, 'client.pem'), pki.east.certificatePem),
      writeFile(join(files.path, 'client-key.pem'), pki.east.privateKeyPem, { mode: 0o600 }),
      writeFile(join(files.path, 'ca.pem'), pki.authority.caPem),
    ]);
  });
  afterAll(async () => {
    await kms[Symbol.asyncDispose]();
    await files.remove();
  });

  test.each(['1.2', '1.3', '1.4', '2.0'])('agrees with that of the server in KMIP %s', async (version) => {
    const credentials = ['client.pem', 'client-key.pem', 'ca.pem'].map((name) => join(files.path, name));
    const { stdout } = await run(PYTHON, [SCRIPT, '127.0.0.1', `${kms.port}`, ...credentials, version]);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      STEPS.map((step) => ({ step, right: true })),
    );
  });
});
