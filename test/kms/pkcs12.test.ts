import { execFileSync } from 'node:child_process';
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import type { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import type { KmipClient } from '../../kms/client.js';
import { KmipError } from '../../kms/client.js';
import { privateKeyOf } from '../../kms/keys/key-object.js';
import { readPkcs12, writePkcs12 } from '../../kms/keys/pkcs12/container.js';
import type { Attribute } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
let files: Awaited<ReturnType<typeof makeDataDir>>;
let middle: CertificateAuthority;
let leaf: KeyAndCertificate;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  files = await makeDataDir();
  middle = await pki.authority.createIntermediate('middle');
  leaf = await middle.issueClient({ commonName: 'leaf' });
  await writeFile(join(files.path, 'key.pem'), leaf.privateKeyPem);
  await writeFile(join(files.path, 'leaf.pem'), leaf.certificatePem);
  await writeFile(join(files.path, 'chain.pem'), middle.caPem + pki.authority.caPem);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
  await files.remove();
});

/** Runs openssl in a directory of its own. */
function openssl(args: readonly string[], input?: Buffer): Buffer {
  return execFileSync('openssl', args, { cwd: files.path, input, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** A container that openssl made of the leaf's key and chain. */
function opensslContainer(...options: string[]): Buffer {
  const parts = ['-inkey', 'key.pem', '-in', 'leaf.pem', '-certfile', 'chain.pem', '-name', 'my key'];
  return openssl(['pkcs12', '-export', ...parts, '-passout', 'pass:secret é', ...options]);
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KmipError);
  return (error as KmipError).reason;
}

async function registerPassword(client: KmipClient, password: string, activation = 0): Promise<string> {
  const keyBlock = { keyFormatType: 'Opaque', keyValue: { keyMaterial: Buffer.from(password) } } as const;
  const attributes = [
    attributeOf('CryptographicUsageMask', 0x200),
    attributeOf('ActivationDate', activation),
  ];
  return client.register({ objectType: 'SecretData', secretDataType: 'Password', keyBlock }, { attributes });
}

function registerContainer(
  client: KmipClient,
  file: Buffer,
  passwords: readonly string[],
  more: readonly Attribute[] = [],
) {
  return client.register(
    { objectType: 'PrivateKey', keyBlock: { keyFormatType: 'PKCS_12', keyValue: file } },
    {
      attributes: [
        attributeOf('CryptographicUsageMask', 1),
        ...passwords.map((id) =>
          attributeOf('Link', { type: 'PKCS_12PasswordLink', linkedObjectIdentifier: id }),
        ),
        ...more,
      ],
    },
  );
}

async function linkedFrom(client: KmipClient, id: string): Promise<string | undefined> {
  const links = (await client.getAttributes(id, ['Link'])).map(
    ({ value }) => value as { type: string; linkedObjectIdentifier: string },
  );
  return links.find(({ type }) => type === 'PKCS_12CertificateLink')?.linkedObjectIdentifier;
}

describe('a container', () => {
  test.each([
    ['with AES-256 and SHA-256', []],
    ['with AES-128 and SHA-512', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'SHA512']],
    [
      'with triple DES and SHA-1',
      ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'SHA1'],
    ],
    ['with plain certificates', ['-certpbe', 'NONE']],
  ] as const)('of openssl %s is read', async (_what, options) => {
    const content = await readPkcs12(opensslContainer(...options), 'secret é', undefined);
    const key = createPrivateKey({ key: content.privateKey, format: 'der', type: 'pkcs8' });
    expect(key.equals(createPrivateKey(leaf.privateKeyPem))).toBe(true);
    expect(content.friendlyName).toBe('my key');
    expect(content.certificates.map((der) => new X509Certificate(der).subject)).toEqual([
      'CN=leaf',
      'CN=middle',
      'CN=test CA',
    ]);
  });

  test('that is written here is read by openssl', async () => {
    const privateKey = createPrivateKey(leaf.privateKeyPem).export({ format: 'der', type: 'pkcs8' });
    const certificates = [leaf.certificatePem, middle.caPem].map((pem) => new X509Certificate(pem).raw);
    const file = await writePkcs12({ privateKey, friendlyName: 'my other key', certificates }, 'secret é');
    const text = openssl(['pkcs12', '-nodes', '-passin', 'pass:secret é'], file).toString();
    expect(text).toContain('friendlyName: my other key');
    expect(createPrivateKey(text).equals(createPrivateKey(leaf.privateKeyPem))).toBe(true);
    expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  test('with a wrong password, another alias, or altered anywhere, is refused', async () => {
    const file = opensslContainer('-iter', '1');
    expect(await reasonOf(readPkcs12(file, 'wrong', undefined))).toBe('CryptographicFailure');
    expect(await reasonOf(readPkcs12(file, 'secret é', 'other'))).toBe('InvalidField');
    expect((await readPkcs12(file, 'secret é', 'MY KEY')).friendlyName).toBe('my key');
    const { privateKey } = await readPkcs12(file, 'secret é', undefined);
    for (let at = 0; at < file.length; at += 7) {
      const altered = Buffer.from(file);
      altered.writeUInt8(altered.readUInt8(at) ^ 0x21, at);
      // What the MAC does not cover may be altered without harm.
      const outcome = await readPkcs12(altered, 'secret é', undefined).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(KmipError);
      else expect(outcome).toMatchObject({ privateKey });
    }
    for (let length = 0; length < file.length; length += 31) {
      expect(await reasonOf(readPkcs12(file.subarray(0, length), 'secret é', undefined))).toBe(
        'InvalidField',
      );
    }
  });

  test('that asks for endless key derivation is refused at once', async () => {
    const file = opensslContainer('-iter', '2000');
    const rounds = Buffer.from([0x02, 0x02, 0x07, 0xd0]);
    const greedy = Buffer.from(file);
    greedy.writeUInt16BE(0x7fff, greedy.lastIndexOf(rounds) + 2);
    expect(await reasonOf(readPkcs12(greedy, 'secret é', undefined))).toBe('CryptographicFailure');
  });
});

describe.each(['1.4', '2.1'] as const)('in KMIP %s', (protocolVersion) => {
  test('a registered container becomes a private key and a chain of certificates, and goes out as one again', async () => {
    const client = kms.client({ protocolVersion });
    const password = await registerPassword(client, 'secret é');
    const id = await registerContainer(client, opensslContainer(), [password]);
    const key = privateKeyOf(await client.getObject(id));
    expect(key.equals(createPrivateKey(leaf.privateKeyPem))).toBe(true);
    expect((await client.getAttributes(id, ['PKCS_12FriendlyName']))[0]?.value).toBe('my key');
    const subjects: string[] = [];
    for (let next = await linkedFrom(client, id); next !== undefined; next = await linkedFrom(client, next)) {
      const object = await client.getObject(next);
      if (object.objectType === 'Certificate')
        subjects.push(new X509Certificate(object.certificateValue).subject);
    }
    expect(subjects).toEqual(['CN=leaf', 'CN=middle', 'CN=test CA']);

    const { object } = await client.perform('Get', { uniqueIdentifier: id, keyFormatType: 'PKCS_12' });
    const file = (object as { readonly keyBlock: { readonly keyValue: Buffer } }).keyBlock.keyValue;
    const text = openssl(['pkcs12', '-nodes', '-passin', 'pass:secret é'], file).toString();
    expect(createPrivateKey(text).equals(key)).toBe(true);
    expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(3);
  });

  test('passwords must be linked once, be passwords, and be active', async () => {
    const client = kms.client({ protocolVersion });
    const is2 = protocolVersion === '2.1';
    const file = opensslContainer();
    const [right, wrong] = [
      await registerPassword(client, 'secret é'),
      await registerPassword(client, 'wrong'),
    ];
    expect(await reasonOf(registerContainer(client, file, []))).toBe(is2 ? 'BadPassword' : 'InvalidField');
    expect(await reasonOf(registerContainer(client, file, [right, wrong]))).toBe(
      is2 ? 'BadPassword' : 'InvalidField',
    );
    expect(await reasonOf(registerContainer(client, file, [await client.create()]))).toBe(
      is2 ? 'BadPassword' : 'InvalidField',
    );
    const later = await registerPassword(client, 'secret é', Math.floor(kms.clock.now() / 1000) + 3600);
    expect(await reasonOf(registerContainer(client, file, [later]))).toBe(
      is2 ? 'BadPassword' : 'PermissionDenied',
    );
    expect(await reasonOf(registerContainer(client, file, [wrong]))).toBe('CryptographicFailure');
  });
});
