import { execFile } from 'node:child_process';
import { createPublicKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from '../kms/harness.js';
import { makePki, startKms } from '../kms/harness.js';
import { describeWith } from './requires.js';

const run = promisify(execFile);

/** Built from test/interop/kmip-protocol. */
const rustClient = process.env.KPSIM_KMIP_PROTOCOL ?? '';
/** The unpacked npm package, with what it requires beside it. */
const arsenal = process.env.KPSIM_ARSENAL ?? '';

let pki: TestPki;
let files: string;
const path = (name: string): string => join(files, name);

beforeAll(async () => {
  const made = await makePki();
  // these clients know servers by name only
  const server = await made.authority.issueServer({
    commonName: 'kms-1',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  pki = { ...made, server };
  files = await mkdtemp(join(tmpdir(), 'kpsim-kmip-clients-'));
  await writeFile(path('certificate.pem'), pki.east.certificatePem);
  await writeFile(path('key.pem'), pki.east.privateKeyPem, { mode: 0o600 });
  await writeFile(path('ca.pem'), pki.authority.caPem);
});
afterAll(() => rm(files, { recursive: true }));

describeWith(
  {
    name: 'the client of the crate kmip-protocol',
    found: rustClient !== '' && existsSync(rustClient),
    install:
      'cargo build --manifest-path test/interop/kmip-protocol/Cargo.toml, and name the program in KPSIM_KMIP_PROTOCOL',
  },
  'the Rust client kmip-protocol',
  () => {
    it('makes a key pair, signs, renames, asks for random bytes, and destroys', async () => {
      await using kms = await startKms(pki);
      const { stdout } = await run(
        rustClient,
        ['localhost', String(kms.port), path('certificate.pem'), path('key.pem'), path('ca.pem')],
        { timeout: 20_000 },
      );
      const told = new Map(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/ (.*)/s) as [string, string]),
      );
      expect(told.get('object')).toBe('PublicKey');
      expect(told.get('random')).toBe('32');
      expect(told.get('destroyed')).toContain('ItemNotFound');

      const client = kms.client();
      const object = await client.getObject(told.get('public') ?? '');
      if (object.objectType !== 'PublicKey') throw new Error(object.objectType);
      const [name] = await client.getAttributes(told.get('public') ?? '', ['Name']);
      expect(name).toEqual(
        attributeOf('Name', { value: 'renamed by rust', type: 'UninterpretedTextString' }),
      );
      const { keyValue } = object.keyBlock;
      if (!keyValue || Buffer.isBuffer(keyValue) || !Buffer.isBuffer(keyValue.keyMaterial))
        throw new Error('wrapped');
      const key = createPublicKey({ key: keyValue.keyMaterial, format: 'der', type: 'pkcs1' });
      const [message, signature] = ['message', 'signature'].map((fact) =>
        Buffer.from(told.get(fact) ?? '', 'hex'),
      );
      expect(verify('sha256', message!, key, signature!)).toBe(true);
    });
  },
);

describeWith(
  {
    name: '@scality/arsenal',
    found: arsenal !== '' && existsSync(arsenal),
    install:
      'npm pack @scality/arsenal, unpack it, npm install async@2 uuid@10 @aws-sdk/client-s3 @aws-sdk/client-kms beside it, and name its folder in KPSIM_ARSENAL',
  },
  'the cluster client of @scality/arsenal',
  () => {
    const ask = async (...ports: readonly number[]): Promise<Record<string, unknown>> => {
      const { certificatePem: cert, privateKeyPem: key } = pki.east;
      const options = {
        servers: ports.map((port) => ({ host: 'localhost', port })),
        tls: { ca: pki.authority.caPem, cert, key },
      };
      const script = join(import.meta.dirname, 'arsenal', 'client.cjs');
      const { stdout } = await run(process.execPath, [script, arsenal, JSON.stringify(options)], {
        timeout: 20_000,
      });
      return JSON.parse(stdout) as Record<string, unknown>;
    };

    it('makes keys, encrypts and decrypts data keys, many at once, and destroys', async () => {
      await using kms = await startKms(pki);
      expect(await ask(kms.port)).toMatchObject({ same: true, hidden: true, many: true });
      const [key] = await kms.client().locate([{ name: 'x-bucket', value: 'my-bucket' }]);
      expect(key).toBeDefined();
    });

    it('goes on with another server when one is down', async () => {
      await using kms: TestKms = await startKms(pki);
      const dead = await closedPort();
      expect(await ask(dead, kms.port)).toMatchObject({ same: true, many: true });
    });
  },
);

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
