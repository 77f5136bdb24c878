import { X509Certificate, createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import { CertificateStore } from '../../lab/certificates.js';

let dataDir = '';
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

describe('the certificates of a data directory', () => {
  it('come from one authority, that is there again after a restart', async () => {
    const first = await CertificateStore.open(dataDir);
    const again = await CertificateStore.open(dataDir);
    expect(again.caPem).toBe(first.caPem);
    const issued = new X509Certificate((await again.client('pykmip')).certificatePem);
    expect(issued.verify(new X509Certificate(first.caPem).publicKey)).toBe(true);
  });

  it('are in files that only their owner can read', async () => {
    const store = await CertificateStore.open(dataDir);
    const { certificatePath, privateKeyPath } = await store.client('pykmip');
    for (const path of [certificatePath, privateKeyPath, store.caPath, join(dataDir, 'pki', 'ca-key.pem')]) {
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect((await stat(join(dataDir, 'pki'))).mode & 0o777).toBe(0o700);
  });

  it('of another user are no damaged ones: it is rights that are missing', async () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    const load = vi.spyOn(CertificateAuthority, 'load').mockRejectedValue(denied); // root may read everything
    try {
      await expect(CertificateStore.existing(dataDir)).rejects.toMatchObject({
        code: 'certificate_store_forbidden',
        message: expect.stringMatching(/^This user may not read .*as the user that it belongs to/) as string,
      });
    } finally {
      load.mockRestore();
    }
  });

  it('stay the same while they are good', async () => {
    const store = await CertificateStore.open(dataDir);
    const first = await store.server('kms-1');
    expect((await store.server('kms-1')).certificatePem).toBe(first.certificatePem);
  });

  it('are one key and its certificate for all who ask at the same time', async () => {
    const store = await CertificateStore.open(dataDir);
    const asked = await Promise.all(Array.from({ length: 8 }, () => store.client('admin')));
    expect(new Set(asked.map(({ certificatePem }) => certificatePem)).size).toBe(1);
    for (const { certificatePem, privateKeyPem } of asked) {
      expect(new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
    }
  });

  it('are issued anew when they run out, and when the address changes', async () => {
    const clock = new AdjustableClock();
    const store = await CertificateStore.open(dataDir, { clock });
    const first = await store.server('kms-1');
    const moved = await store.server('kms-1', '192.0.2.7');
    expect(moved.certificatePem).not.toBe(first.certificatePem);
    expect(new X509Certificate(moved.certificatePem).checkIP('192.0.2.7')).toBe('192.0.2.7');
    clock.advance(900 * 86_400_000);
    expect((await store.server('kms-1', '192.0.2.7')).certificatePem).not.toBe(moved.certificatePem);
  });

  it('are issued anew where a file is damaged', async () => {
    const store = await CertificateStore.open(dataDir);
    const { certificatePath } = await store.client('a');
    await writeFile(certificatePath, 'not a certificate');
    await store.client('a');
    expect(await readFile(certificatePath, 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  it('of a server hold for its name and for this machine', async () => {
    const { certificatePem } = await (await CertificateStore.open(dataDir)).server('kms-1', '0.0.0.0');
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkHost('kms-1')).toBe('kms-1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('example.com')).toBeUndefined();
  });

  it.each(['../escape', '', '.hidden', 'a/b', 'x'.repeat(200)])('refuse the name %j', async (name) => {
    const store = await CertificateStore.open(dataDir);
    await expect(store.client(name)).rejects.toThrow(/cannot be the name of a certificate here/);
  });

  it('cannot be asked for where there is no authority', async () => {
    await expect(CertificateStore.existing(dataDir)).rejects.toThrow(/There is no certificate authority in/);
  });

  it('are refused when the authority is damaged, not made anew', async () => {
    await CertificateStore.open(dataDir);
    await writeFile(join(dataDir, 'pki', 'ca.pem'), 'gone');
    await expect(CertificateStore.open(dataDir)).rejects.toThrow(/cannot be used.*Restore ca\.pem/);
  });
});
