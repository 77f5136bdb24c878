import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { KmipClient } from '../../kms/client.js';
import { VcenterClient } from '../../vcenter/client.js';
import { kpsim } from './harness.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function addressIn(ready: string, name: string): URL {
  const found = new RegExp(`(?:^|\\s)${name} (\\S+)`).exec(ready)?.[1];
  if (found === undefined) throw new Error(`no ${name} in: ${ready}`);
  return new URL(found.replace(/^kmip:/, 'http:'));
}

describe('kpsim kms', () => {
  it('is usable at once with the certificates it prints', async () => {
    const command = kpsim(['kms', '--port', '0', '--data', directory]);
    const ready = await command.line(/^Ready\. /);
    const kmip = addressIn(ready, 'kmip');
    const path = async (label: string): Promise<string> =>
      readFile((await command.line(new RegExp(`^${label} +/`))).slice(label.length).trim(), 'utf8');
    const client = new KmipClient({
      servers: [{ host: kmip.hostname, port: Number(kmip.port) }],
      tls: {
        certificatePem: await path('Client certificate'),
        privateKeyPem: await path('Client key'),
        caPem: await path('CA certificate'),
      },
    });
    const uid = await client.create({});
    await client.activate(uid);
    expect((await client.get(uid)).keyBytes).toHaveLength(32);
    await client.close();
    command.stop();
    const { exitCode, stdout, stderr } = await command.done;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.match(/^Ready\./gm)).toHaveLength(1);
  });

  it('is never ready when it is stopped while it starts', async () => {
    const command = kpsim(['kms', '--port', '0']);
    command.stop();
    const { exitCode, stdout, stderr } = await command.done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toMatch(/^Stopping; once more ends it at once\.\nkpsim: Stopped before it was ready/);
  });

  it('speaks KMIP over HTTPS on a second port', async () => {
    const command = kpsim([
      'kms',
      '--port',
      '0',
      '--https-port',
      '0',
      '--https-path',
      '/',
      '--data',
      directory,
    ]);
    const https = addressIn(await command.line(/^Ready\. /), 'kmip-https');
    expect(https).toMatchObject({ protocol: 'https:', pathname: '/' });
    const path = async (label: string): Promise<string> =>
      readFile((await command.line(new RegExp(`^${label} +/`))).slice(label.length).trim(), 'utf8');
    const client = new KmipClient({
      servers: [{ host: https.hostname, port: Number(https.port) }],
      https: { encoding: 'json', path: '/' },
      tls: {
        certificatePem: await path('Client certificate'),
        privateKeyPem: await path('Client key'),
        caPem: await path('CA certificate'),
      },
    });
    expect(await client.create()).toBeTypeOf('string');
    await client.close();
    command.stop();
    expect((await command.done).exitCode).toBe(0);
  });

  it('answers health and metrics on its admin listener', async () => {
    const command = kpsim(['kms', '--port', '0', '--data', directory]);
    const admin = addressIn(await command.line(/^Ready\. /), 'admin');
    expect(await (await fetch(new URL('/readyz', admin))).json()).toMatchObject({
      status: 'ok',
      services: [{ name: 'kms-1', status: 'ok' }],
    });
    expect(await (await fetch(new URL('/livez', admin))).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(new URL('/metrics', admin))).text()).toContain('# HELP');
    command.stop();
    await command.done;
    await expect(fetch(new URL('/livez', admin))).rejects.toThrow();
  });

  it('removes its data directory at exit, unless one was named', async () => {
    const command = kpsim(['kms', '--port', '0']);
    const caPath = (await command.line(/^CA certificate/)).replace(/^CA certificate +/, '');
    expect((await stat(caPath)).isFile()).toBe(true);
    await command.line(/^Ready\. /);
    command.stop();
    await command.done;
    await expect(stat(dirname(dirname(caPath)))).rejects.toThrow('ENOENT');
  });

  it('takes --version for its own where it has one', async () => {
    const command = kpsim(['host-agent', '--version', '6.0.0', '--tpm', 'none', '--port', '0']);
    await command.line(/^Ready\. /);
    command.stop();
    expect((await command.done).exitCode).toBe(0);
  });

  it('takes settings from a file, the environment and flags, in this order', async () => {
    const config = join(directory, 'kms.yaml');
    await writeFile(config, `name: from-file\nport: 1\ndata: ${join(directory, 'data')}\n`);
    const command = kpsim(['kms', '--config', config, '--port', '0'], { KPSIM_NAME: 'from-environment' });
    const admin = addressIn(await command.line(/^Ready\. /), 'admin');
    expect(await (await fetch(new URL('/readyz', admin))).json()).toMatchObject({
      services: [{ name: 'from-environment' }],
    });
    command.stop();
    await command.done;
  });

  it.each([
    ['a mistake in the file', 'prot: 5696\n', [], /kms\.yaml:1:1: unknown key "prot", did you mean "port"\?/],
    [
      'a wrong value in the file',
      'port: many\n',
      [],
      /kms\.yaml:1:7: port: is text.*a whole number from 0 to 65535/,
    ],
    ['a wrong flag', '', ['--admin-port', '99999'], /--admin-port: adminPort: is too large/],
  ])('tells of %s and does not start', async (_what, yaml, args, expected) => {
    const config = join(directory, 'kms.yaml');
    await writeFile(config, yaml);
    const { exitCode, stdout, stderr } = await kpsim(['kms', '--config', config, ...args]).done;
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(expected);
    expect(stderr).not.toContain('    at ');
  });

  it('says which port is in use, and ends with 1', async () => {
    const first = kpsim(['kms', '--port', '0', '--data', join(directory, 'a')]);
    const { port } = addressIn(await first.line(/^Ready\. /), 'kmip');
    const { exitCode, stderr } = await kpsim(['kms', '--port', port]).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`^kpsim: Cannot listen on 127\\.0\\.0\\.1:${port} .*choose another port`),
    );
    first.stop();
    await first.done;
  });

  it('refuses an admin listener for everybody without a token', async () => {
    const { exitCode, stderr } = await kpsim(['kms', '--port', '0', '--admin-host', '0.0.0.0']).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^kpsim: The admin listener on 0\.0\.0\.0 can be reached by others: set an admin token/,
    );
  });

  it('shows a stack only where KPSIM_DEBUG is set', async () => {
    const { stderr } = await kpsim(
      [
        'kms',
        '--port',
        '0',
        '--tls-certificate',
        '/nowhere',
        '--tls-private-key',
        '/nowhere',
        '--tls-trusted-ca',
        '/nowhere',
      ],
      { KPSIM_DEBUG: '1' },
    ).done;
    expect(stderr).toMatch(/^kpsim: KpsimError: Cannot read \/nowhere .*\n +at /);
  });
});

describe('each service alone', () => {
  it.each([
    ['trust-authority', ['attestation', 'kms'], ['--attestation-port', '0', '--key-provider-port', '0']],
    ['native-kp', ['https'], ['--port', '0']],
    ['host-agent', ['management', 'vmotion'], ['--tpm', 'none']],
    ['vcenter', ['https'], ['--port', '0']],
  ])('kpsim %s is ready, healthy, and ends cleanly', async (name, endpoints, args) => {
    const command = kpsim([name, '--data', directory, ...args]);
    const ready = await command.line(/^Ready\. /);
    for (const endpoint of endpoints) expect(addressIn(ready, endpoint).port).toMatch(/^\d+$/);
    const answer = await fetch(new URL('/readyz', addressIn(ready, 'admin')));
    expect(answer.status).toBe(200);
    command.stop();
    const { exitCode, stdout, stderr } = await command.done;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^CA certificate {6}\//);
  });

  it('kpsim vcenter keeps its administrator’s password in a file that is its own', async () => {
    const command = kpsim(['vcenter', '--data', directory]);
    const ready = await command.line(/^Ready\. /);
    const path = (await command.line(/^Password in/)).replace(/^Password in +/, '');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const client = new VcenterClient({
      baseUrl: addressIn(ready, 'https').origin,
      caPem: await readFile(join(directory, 'pki', 'ca.pem'), 'utf8'),
    });
    await client.login('administrator@vsphere.local', await readFile(path, 'utf8'));
    expect(await client.rest('GET', '/api/vcenter/crypto-manager/kms/providers')).toEqual([]);
    await client.close();
    command.stop();
    await command.done;
  });
});

describe('a variable of the environment', () => {
  it('that a lab exported for clients is no mistake', async () => {
    const exported = { KPSIM_KMIP_HOST: '127.0.0.1', KPSIM_HOST_URL_ESX_EAST_2: 'https://127.0.0.1:1' };
    const { stderr } = await kpsim(['kms', '--config', '/nowhere.yaml'], exported).done;
    expect(stderr).toMatch(/nowhere/);
    expect(stderr).not.toMatch(/unknown environment variable/);
  });

  it('that looks like a mistake ends the command', async () => {
    const { exitCode, stderr } = await kpsim(['kms', '--port', '0'], { KPSIM_ADMIN_PROT: '1' }).done;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/KPSIM_ADMIN_PROT: unknown environment variable, did you mean KPSIM_ADMIN_PORT\?/);
  });
});
