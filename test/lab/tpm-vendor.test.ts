import { readFile, stat } from 'node:fs/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { openTpmVendor } from '../../host-agent/index.js';
import { x509 } from '../../core/pki/x509.js';

it('the maker of TPMs is the same when its directory is opened again, with a fresh revocation list', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'kpsim-vendor-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const directory = join(parent, 'tpm-vendor');
  const clock = { now: () => Date.now() - 20 * 86_400_000 };
  const first = await openTpmVendor(directory, { clock });
  const second = await openTpmVendor(directory);
  for (const authority of ['root', 'issuing', 'revoked'] as const) {
    expect(second[authority].caChainPem).toBe(first[authority].caChainPem);
    expect((await stat(join(directory, authority, 'ca-key.pem'))).mode & 0o777).toBe(0o600);
  }
  const list = new x509.X509Crl(second.crlPem);
  expect(list.thisUpdate.getTime()).toBeGreaterThan(new x509.X509Crl(first.crlPem).thisUpdate.getTime());
  const root = new x509.X509Certificate(second.root.caPem);
  expect(await list.verify({ publicKey: root })).toBe(true);
  expect(list.findRevoked(second.revoked.certificate.serialNumber)).not.toBeNull();
  // A root that was never written means that founding was cut short: a new maker is founded.
  await rm(join(directory, 'root'), { recursive: true });
  const third = await openTpmVendor(directory);
  expect(third.root.caPem).not.toBe(first.root.caPem);
  expect(await readFile(join(directory, 'root', 'ca.pem'), 'utf8')).toContain(third.root.caPem);
});
