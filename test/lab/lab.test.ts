import { randomUUID } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Lab } from '../../lab/index.js';
import { builtInTopology, startLab, topologyOf } from '../../lab/index.js';

describe('a lab of the built-in topology', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab(builtInTopology(), { adminPort: 0 });
  });
  afterAll(() => lab.stop());

  it('has every host connected where the topology says', async () => {
    for (const { name } of lab.services.vcenters) {
      const vcenter = lab.vcenter(name);
      const client = await vcenter.client();
      for (const host of lab.services.hosts.filter((one) => one.vcenter === name)) {
        const reference = await vcenter.host(host.name);
        const { connectionState } = await client.property('HostSystem', reference.value, 'runtime');
        expect([host.name, connectionState]).toEqual([host.name, 'connected']);
        const parent = await client.property('HostSystem', reference.value, 'parent');
        expect(parent?.type).toBe(host.cluster === undefined ? 'ComputeResource' : 'ClusterComputeResource');
      }
    }
  });

  it.each([
    ['vc-east', ['nkp-1', 'nkp-east', 'nkp-twin', 'skp-1', 'tkp-1']],
    ['vc-west', ['nkp-1', 'nkp-twin', 'skp-1', 'tkp-1']],
  ])('has the key providers of %s', async (name, expected) => {
    const client = await lab.vcenter(name).client();
    const clusters = await client.invoke('CryptoManagerKmip', 'CryptoManager', 'ListKmsClusters', {});
    expect(clusters?.map(({ clusterId }) => clusterId.id).sort()).toEqual(expected);
    expect(clusters?.find(({ useAsDefault }) => useAsDefault)?.clusterId.id).toBe('skp-1');
  });

  it('has hosts that attest, and one that does not, with its reason', async () => {
    const good = await (await lab.host('esx-west-t1').client()).attest(true);
    expect(good.info.status).toBe('attested');
    const bad = await (await lab.host('esx-west-t2').client()).attest(true);
    expect(bad.info.status).toBe('notAttested');
    expect(bad.appraisals.map(({ reason }) => reason)).toEqual(['secure_boot_disabled']);
  });

  it('answers for all its services on one admin listener', async () => {
    const answer = await fetch(new URL('/readyz', lab.admin?.url));
    const { services } = (await answer.json()) as { services: { name: string; status: string }[] };
    const running = ['lab', ...lab.running.map(({ name }) => name)];
    expect(services.map(({ name }) => name).sort()).toEqual(running.sort());
    expect(services.filter(({ status }) => status === 'down')).toEqual([]);
  });

  it('tells the metrics of all its services together, by their names', async () => {
    const text = await (await fetch(new URL('/metrics', lab.admin?.url))).text();
    expect(text).toMatch(/^kpsim_vcenter_logins_total\{.*service="vc-east".*\} [1-9]/m);
    expect(text).toMatch(/^kpsim_vcenter_logins_total\{.*service="vc-west".*\} [1-9]/m);
    expect(text.match(/^# TYPE kpsim_vcenter_logins_total /gm)).toHaveLength(1);
  });

  it('gives the journal of each service, and says which there are', async () => {
    const get = async (path: string): Promise<unknown> => (await fetch(new URL(path, lab.admin?.url))).json();
    expect(await get('/services')).toContain('kms-1');
    expect(await get('/services/kms-1/journal?last=1')).toHaveLength(1);
    expect(await get('/services/nobody/journal')).toMatchObject({ error_type: 'NOT_FOUND' });
  });

  it('injects faults into the service that they name', async () => {
    const client = await lab.keyServer('kms-1').client('tester');
    const uid = await client.create({});
    const fault = lab.faults.add({
      service: 'kms-1',
      operation: 'Get',
      client: 'tester',
      action: { kind: 'error', reason: 'General Failure' },
    });
    await expect(client.get(uid)).rejects.toMatchObject({ reason: 'GeneralFailure' });
    lab.faults.remove(fault.id);
    expect((await client.get(uid)).keyBytes).toHaveLength(32);
  });

  it('keeps a journal for each service', async () => {
    await (await lab.keyServer('kms-1').client('journal-reader')).query(['QueryOperations']);
    expect(lab.context('kms-1').journal.entries().at(-1)).toMatchObject({
      operation: 'Query',
      client: 'journal-reader',
    });
  });

  it.each([
    ['a host', () => lab.host('esx-9'), /no host named esx-9; it has esx-east-1, /],
    ['a vCenter', () => lab.vcenter('vc-9'), /no vCenter named vc-9; it has vc-east, vc-west/],
    ['a key server', () => lab.keyServer('kms-9'), /no key server named kms-9; it has kms-1/],
    ['a Trust Authority', () => lab.trustAuthority('ta-9'), /no Trust Authority named ta-9; it has ta-1/],
    ['a service', () => lab.context('x'), /no service named x; it has /],
    ['a user', () => lab.vcenter('vc-east').credential('x@y'), /no user x@y; it has administrator@vsphere/],
  ])('names what there is when asked for %s that it does not have', (_what, ask, expected) => {
    expect(ask).toThrow(expected);
  });
});

const SMALL = topologyOf({
  name: 'small',
  keyServers: [{ name: 'kms-1' }],
  vcenters: [
    {
      name: 'vc-1',
      roles: [{ name: 'Encryptor', privileges: ['Cryptographer.Encrypt', 'System.View', 'System.Read'] }],
      users: [{ name: 'enc@vsphere.local', password: 'a password', role: 'Encryptor' }],
      clusters: [{ name: 'c-1', hosts: [{ name: 'esx-1', tpm: false }] }],
    },
  ],
  providers: [{ kind: 'standard', name: 'skp-1', keyServers: ['kms-1'], vcenters: ['vc-1'] }],
  vms: [{ name: 'vm-1', host: 'esx-1', disks: [{ sizeMiB: 1 }], provider: 'skp-1', powerOn: true }],
});

describe('a lab with a data directory', () => {
  it('makes its VMs, and comes back as it was on the same ports', async () => {
    const first = await startLab(SMALL);
    const { dataDir } = first;
    const before = first.vcenter('vc-1').endpoint.url;
    const [vm] = await (await first.host('esx-1').client()).listVms();
    expect(vm).toMatchObject({
      name: 'vm-1',
      powerState: 'poweredOn',
      keyId: { providerId: { id: 'skp-1' } },
    });
    expect((await stat(`${dataDir}/lab.json`)).mode & 0o777).toBe(0o600);
    await first.stop();
    await expect(stat(dataDir)).rejects.toThrow('ENOENT'); // it was a temporary one

    const kept = `${dataDir}-kept`;
    const second = await startLab(SMALL, { dataDir: kept });
    const [made] = await (await second.host('esx-1').client()).listVms();
    const { url } = second.vcenter('vc-1').endpoint;
    expect(url).not.toBe(before);
    await second.stop();
    const third = await startLab(SMALL, { dataDir: kept });
    expect(third.vcenter('vc-1').endpoint.url).toBe(url);
    const reference = await third.vcenter('vc-1').vmByUuid(made!.id);
    await (
      await third.vcenter('vc-1').client()
    ).run('VirtualMachine', reference!.value, 'PowerOnVM_Task', {});
    await third.stop();
  });

  it('makes a VM once: one that was deleted or has moved away is the user’s business', async () => {
    const first = await startLab(SMALL, { dataDir: `${tmpdir()}/kpsim-lab-${randomUUID()}` });
    const { dataDir } = first;
    const client = await first.vcenter('vc-1').client();
    const vm = await first.vcenter('vc-1').find(`${first.vcenter('vc-1').datacenterName}/vm/vm-1`);
    await client.run('VirtualMachine', vm!.value, 'PowerOffVM_Task', {});
    await client.run('ManagedEntity', vm!.value, 'Destroy_Task', {});
    await first.stop();
    await using second = await startLab(SMALL, { dataDir });
    expect(await (await second.host('esx-1').client()).listVms()).toEqual([]);
    await rm(dataDir, { recursive: true });
  });

  it('leaves a host disconnected that a user disconnected, and says so', async () => {
    const dataDir = `${tmpdir()}/kpsim-lab-${randomUUID()}`;
    const first = await startLab(SMALL, { dataDir });
    const reference = await first.vcenter('vc-1').host('esx-1');
    const client = await first.vcenter('vc-1').client();
    await client.run('HostSystem', reference.value, 'DisconnectHost_Task', {});
    await first.stop();
    await using second = await startLab(SMALL, { dataDir });
    const again = await second.vcenter('vc-1').client();
    const { connectionState } = await again.property('HostSystem', reference.value, 'runtime');
    expect(connectionState).toBe('disconnected');
    expect(await again.rest('GET', '/api/vcenter/host')).toMatchObject([
      { connection_state: 'DISCONNECTED' },
    ]);
    await rm(dataDir, { recursive: true });
  });

  it('has one journal of all services, in the order of time', async () => {
    await using lab = await startLab(SMALL, { adminPort: 0 });
    const answer = await fetch(new URL('/journal', lab.admin?.url));
    const entries = (await answer.json()) as { service: string; time: string; operation: string }[];
    expect(entries).toContainEqual(expect.objectContaining({ service: 'kms-1', operation: 'Create' }));
    expect(entries.map(({ time }) => time)).toEqual(entries.map(({ time }) => time).sort());
    await fetch(new URL('/journal', lab.admin?.url), { method: 'DELETE' });
    expect(await (await fetch(new URL('/journal', lab.admin?.url))).json()).toEqual([]);
  });

  it('gives users their roles', async () => {
    await using lab = await startLab(SMALL);
    const client = await lab.vcenter('vc-1').login('enc@vsphere.local');
    await expect(
      client.invoke('CryptoManagerKmip', 'CryptoManager', 'ListKmipServers', {}),
    ).rejects.toMatchObject({ fault: 'NoPermission' });
  });

  it('is gone from its ports when it was stopped, also when it is stopped twice', async () => {
    const lab = await startLab(topologyOf({ keyServers: [{ name: 'kms-1' }] }));
    const { host, port } = lab.keyServer('kms-1').endpoint;
    await lab.stop();
    await lab.stop();
    const refused = new Promise<string | undefined>((resolve) => {
      connect(port, host).once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    expect(await refused).toBe('ECONNREFUSED');
  });

  it('leaves nothing running when one of its services cannot start', async () => {
    await using lab = await startLab(topologyOf({ keyServers: [{ name: 'kms-1' }] }));
    const { port } = lab.keyServer('kms-1').endpoint;
    const taken = topologyOf({ keyServers: [{ name: 'kms-2', port }], vcenters: [{ name: 'vc-1' }] });
    await expect(startLab(taken)).rejects.toThrow(new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${port}`));
  });
});
