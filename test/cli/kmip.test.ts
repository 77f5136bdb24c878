import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { RunningCommand } from './harness.js';
import { kpsim } from './harness.js';

let directory = '';
let server: RunningCommand;
/** Options of a client with certificates of `kpsim certs`. */
let reaching: readonly string[] = [];
/** The same as `kpsim up` exports it. */
let exported: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
  const config = join(directory, 'kms.yaml');
  await writeFile(config, 'credentials: [{ username: vc, password: "S3cret!" }]\n');
  const data = join(directory, 'data');
  server = kpsim(['kms', '--config', config, '--port', '0', '--data', data]);
  const url = /kmip:\/\/(\S+)/.exec(await server.line(/^Ready\. /))?.[1] ?? '';
  const { stdout } = await kpsim(['certs', '--data', data, '--name', 'my-client', '--json']).done;
  const files = JSON.parse(stdout) as Record<'caPath' | 'certificatePath' | 'privateKeyPath', string>;
  const { caPath, certificatePath, privateKeyPath } = files;
  reaching = ['--server', url, '--cert', certificatePath, '--key', privateKeyPath, '--ca', caPath];
  const [host = '', port = ''] = url.split(':');
  exported = {
    KPSIM_KMIP_HOST: host,
    KPSIM_KMIP_PORT: port,
    KPSIM_CLIENT_CERT: certificatePath,
    KPSIM_CLIENT_KEY: privateKeyPath,
    KPSIM_CA_CERT: caPath,
  };
});
afterAll(async () => {
  server.stop();
  await server.done;
  await rm(directory, { recursive: true, force: true });
});

/** Runs `kpsim kmip` against the server; the lines that it prints. */
async function kmip(...args: readonly string[]): Promise<readonly string[]> {
  const { exitCode, stdout, stderr } = await kpsim(['kmip', ...reaching, ...args]).done;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout.split('\n').slice(0, -1);
}

async function failure(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await kpsim(['kmip', ...reaching, ...args]).done;
  expect(stdout).toBe('');
  return { exitCode, stderr };
}

describe.each(['1.0', '1.4', '2.1'])('kpsim kmip in KMIP %s', (version) => {
  const speak = (...args: readonly string[]) => kmip('--protocol-version', version, ...args);

  it('takes a key through its life, a line for each result', async () => {
    const name = `key-${version}`;
    const [id = ''] = await speak(
      'create',
      '--name',
      name,
      '--length',
      '128',
      '--attribute',
      'x-Product=demo',
    );
    expect(await speak('locate', '--name', name)).toEqual([id]);
    expect(
      await speak('locate', '--attribute', 'x-Product=demo', '--state', 'Active', '--name', name),
    ).toEqual([]);
    expect(await speak('activate', id)).toEqual([id]);
    expect(await speak('tag', id, 'x-One=first', 'x-Two=a=b')).toEqual([id]);
    expect(
      await speak('attributes', id, 'State', 'Cryptographic Usage Mask', 'x-Two', 'Name', 'Activation Date'),
    ).toEqual([
      'State: Active',
      'Cryptographic Usage Mask: Encrypt, Decrypt',
      'x-Two: a=b',
      `Name: ${name}`,
      expect.stringMatching(/^Activation Date: 20\d\d-/),
    ]);
    expect(await speak('get', id)).toEqual(['SymmetricKey AES 128 Raw']);
    expect(await speak('get', id, '--show-key')).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(await speak('revoke', id, '--reason', 'KeyCompromise', '--message', 'lost')).toEqual([id]);
    expect(await speak('attributes', id, 'State')).toEqual(['State: Compromised']);
    expect(await speak('destroy', id)).toEqual([id]);
    expect(await speak('locate', '--name', name)).toEqual([]);
  });

  it('says who the server is', async () => {
    const [name, operations] = await speak('query');
    expect(name).toBe('Server: kpsim');
    expect(operations).toMatch(/^Operations: .*\bCreate\b.*\bDestroy\b/);
  });
});

describe('kpsim kmip', () => {
  it('prints JSON for programs, bytes in hex', async () => {
    const parsed = async (...args: readonly string[]) => {
      const [line = '', ...more] = await kmip(...args, '--json');
      expect(more).toEqual([]);
      return JSON.parse(line) as unknown;
    };
    const created = await parsed('create', '--name', 'json', '--usage', 'WrapKey,UnwrapKey', '--activate');
    const { uniqueIdentifier } = created as { uniqueIdentifier: string };
    expect(await parsed('locate', '--name', 'json')).toEqual([uniqueIdentifier]);
    expect(await parsed('get', uniqueIdentifier)).toEqual({
      uniqueIdentifier,
      objectType: 'SymmetricKey',
      cryptographicAlgorithm: 'AES',
      cryptographicLength: 256,
      keyFormatType: 'Raw',
    });
    expect(await parsed('get', uniqueIdentifier, '--show-key')).toMatchObject({
      keyHex: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    const attributes = (await parsed('attributes', uniqueIdentifier)) as { name: string; value: unknown }[];
    expect(attributes).toContainEqual({ name: 'CryptographicUsageMask', value: 0x30 });
    expect(attributes.find(({ name }) => name === 'Digest')?.value).toMatchObject({
      digestValue: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(await parsed('versions')).toContain('2.1');
  });

  it('takes server and certificates from what kpsim up exports', async () => {
    const { exitCode, stdout } = await kpsim(['kmip', 'versions'], exported).done;
    expect(exitCode).toBe(0);
    expect(stdout).toContain('1.4\n');
  });

  it('shows the bytes of keys of other algorithms', async () => {
    const [id = ''] = await kmip('create', '--algorithm', 'HMAC_SHA256', '--usage', 'MACGenerate');
    expect(await kmip('get', id, '--show-key')).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  it('sends user name and password', async () => {
    const passwordPath = join(directory, 'password');
    await writeFile(passwordPath, 'S3cret!\n');
    const user = ['--user', 'vc', '--password-file', passwordPath];
    const [id] = await kmip(...user, 'create');
    expect(id).toBeTypeOf('string');
    await writeFile(passwordPath, 'wrong\n');
    const { exitCode, stderr } = await failure(...user, 'create');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^kpsim: AuthenticationNotSuccessful: /);
    expect(stderr).not.toContain('wrong\n');
  });

  it('tells the Result Reason of a refusal, and ends with 1', async () => {
    const { exitCode, stderr } = await failure('get', 'absent');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^kpsim: ItemNotFound: .*absent/);
    expect(stderr).not.toContain('    at ');
  });

  it.each([
    [
      'a server that is not there',
      ['--server', '127.0.0.1:1', 'query'],
      1,
      /127\.0\.0\.1:1 cannot be reached/,
    ],
    ['a file that is not there', ['--cert', '/nowhere.pem', 'query'], 1, /Cannot read \/nowhere\.pem/],
    ['an address without a port', ['--server', 'localhost', 'query'], 2, /Write HOST:PORT/],
    ['a usage that does not exist', ['create', '--usage', 'Encript'], 2, /no usage 'Encript'/],
    ['an attribute without a value', ['create', '--attribute', 'x-One'], 2, /write NAME=VALUE/],
    [
      'an attribute that is the server’s',
      ['create', '--attribute', 'State=Active'],
      2,
      /State cannot be given/,
    ],
    [
      'an attribute of another version',
      ['attributes', 'id', 'QuantumSafe'],
      1,
      /UnsupportedAttribute: .*since 2\.0/,
    ],
    ['a version that does not exist', ['--protocol-version', '3.0', 'query'], 2, /Allowed choices are 1\.0/],
    ['a subcommand that does not exist', ['crate'], 2, /Did you mean create/],
  ])('tells of %s', async (_what, args, code, expected) => {
    const { exitCode, stderr } = await failure(...args);
    expect(stderr).toMatch(expected);
    expect(exitCode).toBe(code);
  });

  it('says that certificate and key do not belong together', async () => {
    const key = join(directory, 'another.pem');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { exitCode, stderr } = await failure('--key', key, 'query');
    expect(stderr).toMatch(/another\.pem is not the private key of the certificate .*certificate\.pem/);
    expect(exitCode).toBe(1);
  });

  it('says that what answers does not speak TLS', async () => {
    const plain = createServer().listen(0, '127.0.0.1');
    await once(plain, 'listening');
    try {
      const { port } = plain.address() as AddressInfo;
      const { exitCode, stderr } = await failure('--server', `127.0.0.1:${port}`, 'query');
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: `kpsim: What answers at 127.0.0.1:${port} does not speak TLS. Give the KMIP port of the key server.\n`,
      });
    } finally {
      plain.close();
    }
  });

  it('says what is missing without options and variables', async () => {
    const { exitCode, stderr } = await kpsim(['kmip', 'query']).done;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/--server is missing\. Give the address that the Ready line of kpsim kms shows/);
  });

  it.each(['create', 'locate', 'get'])('explains its subcommand %s', async (name) => {
    const { exitCode, stdout } = await kpsim(['kmip', name, '--help']).done;
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: kpsim kmip ${name} `);
  });
});
