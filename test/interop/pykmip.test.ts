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
const SCRIPT = fileURLToPath(new URL('pykmip-client.py', import.meta.url));
const run = promisify(execFile);

const pykmip = {
  name: 'python3-pykmip',
  found: runs(PYTHON, '-c', 'import kmip'),
  install: 'apt-get install python3-pykmip',
};

type Step = Readonly<Record<string, unknown>> & { readonly step: string };

describeWith(pykmip, 'the client of PyKMIP', () => {
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

  test.each(['1.0', '1.1', '1.2', '1.3', '1.4', '2.0'])(
    'walks a key through its whole life in KMIP %s',
    async (version) => {
      const credentials = ['client.pem', 'client-key.pem', 'ca.pem'].map((name) => join(files.path, name));
      const { stdout } = await run(PYTHON, [SCRIPT, '127.0.0.1', `${kms.port}`, ...credentials, version]);
      const steps = new Map(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Step)
          .map((step) => [step.step, step]),
      );
      const uid = steps.get('create')?.uid;
      const speaks2 = version.startsWith('2');
      expect(steps.get('get')).toMatchObject({
        type: 'SymmetricKey',
        length: 256,
        bytes: 32,
        algorithm: 'AES',
      });
      expect(steps.get('attribute list')?.names).toContain('Cryptographic Usage Mask');
      expect(steps.get('state before')).toMatchObject({ state: 'PRE_ACTIVE' });
      expect(steps.get('locate')).toMatchObject({ uids: [uid] });
      expect(steps.get('state active')).toMatchObject({ state: 'ACTIVE' });
      expect(steps.get('destroy while active')).toMatchObject({
        reason: speaks2 ? 'WRONG_KEY_LIFECYCLE_STATE' : 'PERMISSION_DENIED',
      });
      expect(steps.get('state revoked')).toMatchObject({ state: 'DEACTIVATED' });
      expect(steps.get('get destroyed')).toMatchObject({
        reason: speaks2 ? 'OBJECT_DESTROYED' : 'ITEM_NOT_FOUND',
      });
      expect(steps.get('registered')).toMatchObject({ same: true });
      expect(steps.get('secret')).toMatchObject({ same: true });
      expect(steps.get('get unknown')).toMatchObject({
        reason: speaks2 ? 'OBJECT_NOT_FOUND' : 'ITEM_NOT_FOUND',
      });
    },
  );
});
