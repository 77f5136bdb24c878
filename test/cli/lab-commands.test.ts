import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { DemoReport } from '../../lab/index.js';
import { BUILT_IN_TOPOLOGY_YAML, VcenterClient } from '../../lab/index.js';
import { makeVmFolder } from '../lab/demo/vm-folder.js';
import { kpsim } from './harness.js';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const SMALL = `keyServers: [{ name: kms-1 }, { name: kms-2 }]
trustAuthorities: [{ name: ta-1 }]
vcenters: [{ name: vc-1 }, { name: vc-2 }]
`;

describe('kpsim up', () => {
  it('prints export lines that a shell understands and clients can use, then Ready', async () => {
    const topology = join(directory, 'lab.yaml');
    const data = join(directory, "it's here");
    await writeFile(topology, SMALL);
    const command = kpsim(['up', topology, '--data', data]);
    await command.line(/^Ready\. vc-1 https:\S+ {2}vc-2 https:\S+ {2}kms-1 kmip:\S+ {2}kms-2 /);
    command.stop();
    const { exitCode, stdout } = await command.done;
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n').filter((line) => line.startsWith('export '));
    const shell = execFileSync('sh', ['-c', `${lines.join('\n')}\nenv`], { encoding: 'utf8', env: {} });
    const variables = new Map(
      shell.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
    );
    expect(variables.get('KPSIM_DATA_DIR')).toBe(data);
    expect(variables.get('GOVC_USERNAME')).toBe('administrator@vsphere.local');
    expect(variables.get('GOVC_URL')).toMatch(/^https:/);
    expect(variables.get('GOVC_URL_VC_2')).toMatch(/^https:/);
    expect(variables.get('KPSIM_KMIP_PORT_KMS_2')).toMatch(/^\d+$/);
    expect(await readFile(variables.get('GOVC_TLS_CA_CERTS')!, 'utf8')).toContain('BEGIN CERTIFICATE');
    expect((await stat(variables.get('KPSIM_CLIENT_KEY')!)).mode & 0o777).toBe(0o600);
  });

  it('lets in whoever uses what it printed', async () => {
    const topology = join(directory, 'lab.yaml');
    await writeFile(topology, 'vcenters: [{ name: vc-1 }]');
    const command = kpsim(['up', topology, '--data', directory]);
    const value = async (name: string): Promise<string> =>
      (await command.line(new RegExp(`^export ${name}=`))).replace(/^export \w+='(.*)'$/, '$1');
    await command.line(/^Ready/);
    const client = new VcenterClient({
      baseUrl: await value('GOVC_URL'),
      caPem: await readFile(await value('GOVC_TLS_CA_CERTS'), 'utf8'),
    });
    const session = await client.login(await value('GOVC_USERNAME'), await value('GOVC_PASSWORD'));
    expect(session.userName).toMatch(/administrator/i);
    await client.close();
    command.stop();
    expect((await command.done).exitCode).toBe(0);
  });

  it('works on all addresses of the machine, and tells one that can be connected to', async () => {
    const topology = join(directory, 'lab.yaml');
    await writeFile(
      topology,
      SMALL.replace('{ name: vc-2 }', '{ name: vc-2, hosts: [{ name: esx-1, tpm: false }] }'),
    );
    const command = kpsim(['up', topology, '--host', '0.0.0.0', '--data', join(directory, 'data')]);
    expect(await command.line(/^Ready/)).toMatch(/vc-1 https:\/\/127\.0\.0\.1:\d+ /);
    command.stop();
    expect((await command.done).exitCode).toBe(0);
  });

  it('gives its start up when it is stopped meanwhile, says so, and is never ready', async () => {
    const topology = join(directory, 'lab.yaml');
    await writeFile(topology, SMALL);
    const command = kpsim(['up', topology, '--data', join(directory, 'data')]);
    command.stop();
    const { exitCode, stdout, stderr } = await command.done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toMatch(/Stopping; once more ends it at once\.\n.*kpsim: Stopped before it was ready/s);
    expect(stderr).not.toContain('configuring key providers');
  });

  it('names file and line of a mistake in the topology, and starts nothing', async () => {
    const topology = join(directory, 'lab.yaml');
    await writeFile(topology, 'vcenters:\n  - name: vc-1\n    clustres: []\n');
    const { exitCode, stdout, stderr } = await kpsim(['up', topology]).done;
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(
      `${topology}:3:5: vcenters[0]: unknown key "clustres", did you mean "clusters"?; allowed: `,
    );
  });
});

describe('kpsim topology', () => {
  it('prints the built-in topology, which is a valid file', async () => {
    const { stdout } = await kpsim(['topology']).done;
    expect(stdout).toBe(BUILT_IN_TOPOLOGY_YAML);
    const file = join(directory, 'copy.yaml');
    await writeFile(file, stdout);
    const checked = await kpsim(['topology', file]).done;
    expect(checked).toMatchObject({ exitCode: 0, stderr: '' });
    expect(checked.stdout).toMatch(/copy\.yaml is valid: .*vCenters 2, hosts 9, key providers 6/);
  });

  it('prints a JSON Schema', async () => {
    const { stdout } = await kpsim(['topology', '--schema']).done;
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object' });
  });

  it('says that a file is not there', async () => {
    const { exitCode, stderr } = await kpsim(['topology', join(directory, 'none.yaml')]).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^kpsim: Cannot read the configuration file .*none\.yaml/);
  });
});

describe('kpsim certs', () => {
  it('says what to do where there is no authority', async () => {
    const { exitCode, stderr } = await kpsim(['certs', '--data', directory, '--name', 'x']).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^kpsim: There is no certificate authority in .*Give the data directory/);
  });

  it('writes a certificate that openssl finds signed by the authority', async () => {
    const service = kpsim(['kms', '--port', '0', '--data', directory]);
    await service.line(/^Ready/);
    service.stop();
    await service.done;
    const { stdout } = await kpsim(['certs', '--data', directory, '--name', 'pykmip', '--json']).done;
    const { caPath, certificatePath, privateKeyPath } = JSON.parse(stdout) as Record<string, string>;
    expect((await stat(privateKeyPath!)).mode & 0o777).toBe(0o600);
    const verified = execFileSync('openssl', [
      'verify',
      '-purpose',
      'sslclient',
      '-CAfile',
      caPath!,
      certificatePath!,
    ]);
    expect(verified.toString()).toContain(': OK');
  });
});

describe('kpsim demo', () => {
  it('prints one JSON object, with every step as expected', async () => {
    const { exitCode, stdout, stderr } = await kpsim(['demo', '--json']).done;
    const report = JSON.parse(stdout) as DemoReport;
    expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
    expect({ exitCode, stderr, ok: report.ok }).toEqual({ exitCode: 0, stderr: '', ok: true });
    expect(report.steps.map(({ refusal }) => refusal?.rules[0]).filter((rule) => rule !== undefined)).toEqual(
      ['XVC-3', 'XVC-2', 'XVC-2n', 'TKP-1', 'PRIV-1', 'MODE-3'],
    );
  }, 60_000);

  it('tells what it does a line a step, and ends with 1 where something is not as expected', async () => {
    const vm = await makeVmFolder(directory, Buffer.alloc(4096)); // nothing on its disk that could be found
    const { exitCode, stdout, stderr } = await kpsim(['demo', '--vm', vm]).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^ok {3}Start two vCenters/);
    expect(stderr).toMatch(/^FAIL Make app-skp on esx-east-1/m);
    expect(stdout).toMatch(/15 of 23 steps did not end as expected/);
    expect(stdout).toContain('Choose a host that is in a cluster');
  }, 60_000);

  it('does not take over the directory of another lab', async () => {
    await writeFile(join(directory, 'lab.json'), '{}');
    const { exitCode, stderr } = await kpsim(['demo', '--data', directory]).done;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/holds a lab already\. Give the demo a new directory/);
  });

  it('ends as an interrupted command does when it is stopped', async () => {
    const command = kpsim(['demo']);
    command.stop();
    const { exitCode, stderr } = await command.done;
    expect(stderr).toMatch(/Stopping after this step.*\nkpsim: Stopped before the end/s);
    expect(exitCode).toBe(130);
  });

  it('refuses two sources of its disks', async () => {
    const { exitCode, stderr } = await kpsim(['demo', '--vm', 'a', '--disk', 'b']).done;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^kpsim: Give --vm or --disk, not both/);
  });
});
