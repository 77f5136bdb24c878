import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TpmtSignature } from '../../../wire/tpm2/index.js';
import { AK_TEMPLATES, decodeTpmtSignature, publicKeyOf } from '../../../wire/tpm2/index.js';
import type { AkAlgorithm } from '../../../wire/tpm2/index.js';
import type { ManufactureOptions } from '../../../host-agent/tpm/index.js';
import { startedTpm } from './tpm-fixture.js';

const run = promisify(execFile);
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-openssl-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function openssl(...args: string[]): Promise<string> {
  const { stdout } = await run('openssl', args, { cwd: directory });
  return stdout;
}

/** A DER INTEGER that is not negative. */
function derInteger(number: Buffer): Buffer {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  const digits = number.subarray(start);
  const content = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits;
  return Buffer.concat([Buffer.from([0x02, content.length]), content]);
}

/** A signature as openssl takes it. */
function opensslSignature(signature: TpmtSignature): Buffer {
  if (signature.sigAlg === 'HMAC') return signature.digest;
  if (signature.sigAlg !== 'ECDSA') return signature.signature;
  const numbers = Buffer.concat([derInteger(signature.r), derInteger(signature.s)]);
  return Buffer.concat([Buffer.from([0x30, numbers.length]), numbers]);
}

async function verifies(
  name: string,
  algorithm: AkAlgorithm,
  pem: string,
  signed: Buffer,
  signature: Buffer,
): Promise<string> {
  await writeFile(join(directory, `${name}.pem`), pem);
  await writeFile(join(directory, `${name}.msg`), signed);
  await writeFile(join(directory, `${name}.sig`), opensslSignature(decodeTpmtSignature(signature)));
  const scheme = AK_TEMPLATES[algorithm].scheme!;
  const pss = scheme.scheme === 'RSAPSS' ? ['-sigopt', 'rsa_padding_mode:pss'] : [];
  return openssl(
    ...['dgst', `-${scheme.hashAlg.toLowerCase()}`, ...pss, '-verify', `${name}.pem`],
    ...['-signature', `${name}.sig`, `${name}.msg`],
  );
}

describe('openssl', () => {
  it.each(Object.keys(AK_TEMPLATES) as AkAlgorithm[])(
    'verifies a quote and a signed digest of a %s key',
    async (algorithm) => {
      const { client } = await startedTpm();
      const ak = await client.createAk({ algorithm });
      const pem = publicKeyOf(ak.publicArea).export({ type: 'spki', format: 'pem' }).toString();
      const quote = await client.quote({
        ak: ak.handle,
        qualifyingData: Buffer.from('nonce'),
        selection: [{ hashAlg: 'SHA256', pcrs: [0, 1, 2] }],
      });
      expect(await verifies(`${algorithm}-q`, algorithm, pem, quote.attest, quote.signature)).toContain(
        'Verified OK',
      );

      const message = Buffer.from('a message');
      const { digest, ticket } = await client.hash(message, AK_TEMPLATES[algorithm].scheme!.hashAlg);
      expect(digest).toEqual(
        createHash(AK_TEMPLATES[algorithm].scheme!.hashAlg.toLowerCase()).update(message).digest(),
      );
      const signature = await client.sign(ak.handle, digest, { ticket });
      expect(await verifies(`${algorithm}-s`, algorithm, pem, message, signature)).toContain('Verified OK');
    },
  );

  it.each(['rsa2048', 'p256'] as const)(
    'verifies the chain of the %s endorsement certificate',
    async (algorithm) => {
      const { client, vendor } = await startedTpm({ endorsementKeys: ['rsa2048', 'p256'] });
      await writeFile(join(directory, 'root.pem'), vendor.root.caPem);
      await writeFile(join(directory, 'issuing.pem'), vendor.issuing.caPem);
      await writeFile(join(directory, 'ek.der'), (await client.ekCertificate(algorithm))!);
      await openssl('x509', '-inform', 'DER', '-in', 'ek.der', '-out', 'ek.pem');
      // openssl does not know the critical directory name of a TPM and its usage, but must accept everything else.
      const verified = await openssl(
        ...['verify', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', '-ignore_critical', 'ek.pem'],
      );
      expect(verified).toContain('ek.pem: OK');
      const text = await openssl('x509', '-in', 'ek.pem', '-noout', '-text');
      expect(text).toMatch(/Subject Alternative Name: critical\s+DirName:\/2\.23\.133\.2\.1=id:4B505349/);
      expect(text).toContain('2.23.133.8.1');
      expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
      const key = await openssl('x509', '-in', 'ek.pem', '-noout', '-pubkey');
      const ek = await client.ensureEk(algorithm);
      expect(key).toBe(publicKeyOf(ek.publicArea).export({ type: 'spki', format: 'pem' }));
    },
  );

  it('refuses the certificate of an authority that the vendor revoked', async () => {
    const options: Partial<ManufactureOptions> = {};
    const { vendor } = await startedTpm(options);
    const { client } = await startedTpm({ ekCa: vendor.revoked });
    await writeFile(join(directory, 'revoked-root.pem'), vendor.root.caPem + vendor.crlPem);
    await writeFile(join(directory, 'revoked-ca.pem'), vendor.revoked.caPem);
    await openssl('verify', '-CAfile', 'revoked-root.pem', 'revoked-ca.pem');
    await expect(
      openssl('verify', '-crl_check', '-CAfile', 'revoked-root.pem', 'revoked-ca.pem'),
    ).rejects.toThrow(/revoked/);
    expect(await client.ekCertificate('p256')).toBeDefined();
  });
});
