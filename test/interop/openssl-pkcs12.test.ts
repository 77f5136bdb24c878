import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { randomKeyBytes } from '../../core/secret.js';
import { readPkcs12 } from '../../native-kp/backup/read-pkcs12.js';
import { writePkcs12 } from '../../native-kp/backup/write-pkcs12.js';
import { describeWith, runs } from './requires.js';

/* Judge: OpenSSL, which shares no code with the writer, opens the backup and prints what is in it. */

const openssl = {
  name: 'openssl',
  found: runs('openssl', 'version'),
  install: 'apt-get install openssl (3.0 or later)',
};

const backup = {
  provider: 'nkp-1',
  keyId: '0b6e2f1a-5c3d-4e7f-8a9b-0c1d2e3f4a5b',
  kdk: randomKeyBytes(32),
  tpmRequired: true,
  exportTime: new Date('2026-01-31T12:00:00.000Z'),
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-openssl-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function inspect(file: Buffer, password: string): Promise<{ status: number | null; text: string }> {
  const path = join(directory, `${Math.abs(file.readInt32LE(file.length - 4))}.p12`);
  await writeFile(path, file);
  const { status, stdout, stderr } = spawnSync(
    'openssl',
    ['pkcs12', '-info', '-nodes', '-in', path, '-passin', `pass:${password}`],
    { encoding: 'utf8' },
  );
  return { status, text: `${stdout}\n${stderr}` };
}

/** Bytes as OpenSSL prints them: upper-case hex, separated by spaces. */
function printed(bytes: Buffer): string {
  return bytes
    .toString('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$& ');
}

describeWith(openssl, 'a backup of a native key provider, judged by openssl pkcs12', () => {
  it.each(['correct horse', 'Grüße, 東京 🔑'])(
    'opens with its password %j and shows key and names',
    async (password) => {
      const { status, text } = await inspect(await writePkcs12(backup, password), password);
      expect(text).toMatch(/MAC: sha256, Iteration 50000/);
      expect(text).toMatch(/PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256/);
      expect(text).toContain('friendlyName: nkp-1');
      expect(text).toContain(`localKeyID: ${printed(Buffer.from(backup.keyId.replaceAll('-', ''), 'hex'))}`);
      expect(text).toContain('"export_time":"2026-01-31T12:00:00.000Z","tpm_required":true');
      expect(text.replace(/\s+/g, ' ')).toContain(printed(backup.kdk));
      expect(status).toBe(0);
    },
  );

  it('does not open with another password', async () => {
    const { status, text } = await inspect(await writePkcs12(backup, 'correct horse'), 'battery staple');
    expect(text).toContain('Mac verify error');
    expect(text.replace(/\s+/g, ' ')).not.toContain(printed(backup.kdk));
    expect(status).not.toBe(0);
  });

  it('opens with the empty password when it was exported without one', async () => {
    const { status, text } = await inspect(await writePkcs12(backup), '');
    expect(text).toContain('friendlyName: nkp-1');
    expect(text.replace(/\s+/g, ' ')).toContain(printed(backup.kdk));
    expect(text).not.toContain('PBES2');
    expect(status).toBe(0);
  });

  it('is told apart from a PKCS#12 file that openssl made', async () => {
    const key = join(directory, 'key.pem');
    const certificate = join(directory, 'certificate.pem');
    const file = join(directory, 'foreign.p12');
    const made = [
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/CN=x',
      ].concat(['-keyout', key, '-out', certificate]),
      ['pkcs12', '-export', '-inkey', key, '-in', certificate, '-out', file, '-passout', 'pass:secret'],
    ].map((args) => spawnSync('openssl', args, { stdio: 'ignore' }).status);
    expect(made).toEqual([0, 0]);
    await expect(readPkcs12(await readFile(file), 'secret')).rejects.toMatchObject({
      code: 'backup_foreign',
    });
    await expect(readPkcs12(await readFile(file), 'wrong')).rejects.toMatchObject({
      code: 'backup_password_wrong',
    });
  });
});
