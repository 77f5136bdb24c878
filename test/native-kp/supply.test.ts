import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NkpLab } from './lab.js';

let lab: NkpLab;
beforeEach(async () => {
  lab = await NkpLab.start({ pushWaitMs: 30_000 });
});
afterEach(() => lab.close());

/** Imports a provider that was made here, backed up and deleted. */
async function importProvider(provider: string): Promise<void> {
  await lab.client.create({ provider });
  const config = (await lab.backUp(provider)).toString('base64');
  await lab.client.delete(provider);
  await lab.client.import({ config });
}

describe('the supply of hosts', () => {
  it('gives every host in a cluster each provider as soon as it is made, and takes it when it is deleted', async () => {
    const [one, two] = [await lab.host('host-1'), await lab.host('host-2')];
    await lab.client.setHosts([one.supplied(), two.supplied()]);
    await lab.client.create({ provider: 'nkp-1' });
    const { key_id } = await lab.client.fingerprint('nkp-1');
    for (const host of [one, two]) expect(host.held.get('nkp-1')?.key_id).toBe(key_id);
    await lab.client.delete('nkp-1');
    for (const host of [one, two]) expect(host.held.size).toBe(0);
  });

  it('leaves hosts alone that already hold what they should', async () => {
    const host = await lab.host('host-1');
    await lab.client.setHosts([host.supplied()]);
    await lab.client.create({ provider: 'nkp-1' });
    host.calls.length = 0;
    await lab.client.remediate();
    expect(host.calls).toEqual(['list']);
  });

  it('gives a host a changed KDK even if name and key id are those that it has', async () => {
    const host = await lab.host('host-1');
    await lab.client.setHosts([host.supplied()]);
    await lab.client.create({ provider: 'nkp-1' });
    const { key_id } = await lab.client.fingerprint('nkp-1');
    const before = host.held.get('nkp-1')?.kdk;
    lab.context.faults.add({ operation: 'hosts.take', action: { kind: 'reset' } });
    await lab.client.delete('nkp-1');
    lab.context.faults.clear();
    await lab.client.create({ provider: 'nkp-1', native_spec: { key_id } });
    expect(host.held.get('nkp-1')?.key_id).toBe(key_id);
    expect(host.held.get('nkp-1')?.kdk).not.toEqual(before);
  });

  it('passes hosts without a TPM by when the provider asks for one', async () => {
    const [plain, trusted] = [await lab.host('host-1'), await lab.host('host-2')];
    await lab.client.setHosts([plain.supplied({ tpmPresent: false }), trusted.supplied()]);
    await lab.client.create({ provider: 'nkp-tpm', constraints: { tpm_required: true } });
    await lab.client.create({ provider: 'nkp-any' });
    expect([...plain.held.keys()]).toEqual(['nkp-any']);
    expect([...trusted.held.keys()].sort()).toEqual(['nkp-any', 'nkp-tpm']);
    await lab.backUp('nkp-tpm');
    expect((await lab.client.get('nkp-tpm')).health).toBe('OK');
    const path = '/api/vcenter/crypto-manager/hosts/host-1/kms/providers/nkp-tpm';
    expect(await asReader(path)).toMatchObject({
      health: 'ERROR',
      details: [{ id: 'kpsim.nativeKeyProvider.tpmRequired' }],
    });
  });

  it('passes standalone hosts by, and takes providers from a host that leaves its cluster', async () => {
    const host = await lab.host('host-1');
    await lab.client.setHosts([host.supplied()]);
    await lab.client.create({ provider: 'nkp-1' });
    expect(host.held.size).toBe(1);
    await lab.client.setHosts([host.supplied({ clustered: false })]);
    expect(host.held.size).toBe(0);
    const path = '/api/vcenter/crypto-manager/hosts/host-1/kms/providers/nkp-1';
    expect(await asReader(path)).toMatchObject({
      health: 'ERROR',
      details: [{ id: expect.stringMatching(/NotInCluster$/) as string }],
    });
  });

  it('takes native providers of another vCenter from a host that moved in, and leaves trusted ones', async () => {
    const host = await lab.host('host-1');
    host.held.set('foreign', { type: 'NATIVE', key_id: 'other' });
    host.held.set('tkp-1', { type: 'TRUST_AUTHORITY' });
    await lab.client.setHosts([host.supplied()]);
    expect([...host.held.keys()]).toEqual(['tkp-1']);
    expect(await lab.client.listOnHost('host-1')).toEqual([
      { provider: 'tkp-1', type: 'TRUST_AUTHORITY', health: 'OK' },
    ]);
  });

  it('keeps an imported provider in WARNING until it is on the hosts', async () => {
    await importProvider('nkp-1');
    const { health, details } = await lab.client.get('nkp-1');
    expect(health).toBe('WARNING');
    expect(details[0]?.id).toBe('kpsim.nativeKeyProvider.notOnHosts');
    const host = await lab.host('host-1');
    await lab.client.setHosts([host.supplied()]);
    expect(await lab.client.get('nkp-1')).toMatchObject({ health: 'OK', details: [] });
  });

  it('names the host that cannot get an imported provider, and no longer says that it is on none', async () => {
    const [good, old] = [await lab.host('host-1'), await lab.host('host-2')];
    lab.context.faults.add({ operation: 'hosts.give', object: 'host-2', action: { kind: 'reset' } });
    await lab.client.setHosts([good.supplied(), old.supplied()]);
    await importProvider('nkp-1');
    const { health, details } = await lab.client.get('nkp-1');
    expect(health).toBe('WARNING');
    expect(details.map(({ id, args }) => [id, args[0]])).toEqual([
      ['kpsim.nativeKeyProvider.hostLacksProvider', 'esx-host-2'],
    ]);
  });

  it('says which host lags behind, tries it again sooner and sooner again later, and then comes every 5 minutes', async () => {
    const [good, bad] = [await lab.host('host-1'), await lab.host('host-2')];
    await lab.client.setHosts([good.supplied(), bad.supplied()]);
    lab.context.faults.add({
      operation: 'hosts.give',
      object: 'host-2',
      action: { kind: 'reset' },
      count: 2,
    });
    await lab.client.create({ provider: 'nkp-1' });
    await lab.backUp('nkp-1');
    const { health, details } = await lab.client.get('nkp-1');
    expect(health).toBe('WARNING');
    expect(details[0]?.default_message).toContain('esx-host-2');
    expect(lab.service.health()).toMatchObject({ status: 'degraded' });
    expect(good.held.has('nkp-1')).toBe(true);

    expect(lab.scheduler.delaysMs).toEqual([5_000]);
    lab.scheduler.fire(5_000);
    await expect.poll(() => lab.scheduler.delaysMs).toEqual([10_000]);
    lab.scheduler.fire(10_000);
    await expect.poll(() => lab.scheduler.delaysMs).toEqual([300_000]);
    expect(bad.held.has('nkp-1')).toBe(true);
    expect((await lab.client.get('nkp-1')).health).toBe('OK');
    expect(lab.service.health().status).toBe('ok');
  });

  it('reports unreachable hosts and goes on with the others', async () => {
    const [gone, good] = [await lab.host('host-1'), await lab.host('host-2')];
    const address = gone.supplied();
    await gone.close();
    await lab.client.setHosts([address, good.supplied()]);
    await lab.client.create({ provider: 'nkp-1' });
    expect(good.held.has('nkp-1')).toBe(true);
    const report = await lab.client.remediate();
    expect(report).toMatchObject({ hosts: 2, failures: [{ host: 'host-1' }] });
    expect(await lab.client.listOnHost('host-1')).toEqual([
      { provider: 'nkp-1', type: 'NATIVE', health: 'WARNING' },
    ]);
  });

  it('brings hosts up to date after a restart, once it is told of them', async () => {
    const host = await lab.host('host-1');
    await lab.client.create({ provider: 'nkp-1' });
    await lab.restart();
    await lab.client.setHosts([host.supplied()]);
    expect(host.held.has('nkp-1')).toBe(true);
    expect(await lab.client.listOnHost('host-1')).toEqual([
      { provider: 'nkp-1', type: 'NATIVE', health: 'OK' },
    ]);
  });

  it('runs one round at a time, however often it is asked', async () => {
    const host = await lab.host('host-1');
    await lab.client.setHosts([host.supplied()]);
    host.calls.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => lab.client.remediate()));
    expect(host.calls.length).toBeLessThan(20);
    expect(new Set(host.calls)).toEqual(new Set(['list']));
  });

  it.each([
    ['an address that is no HTTPS', { address: 'http://127.0.0.1:1' }],
    ['an id with a slash', { host: 'a/b' }],
    ['an unknown field', { color: 'red' }],
  ] as [string, object][])('refuses a list of hosts with %s', async (_what, change) => {
    const host = await lab.host('host-1');
    await expect(lab.client.setHosts([host.supplied(change)])).rejects.toMatchObject({ status: 400 });
    await expect(lab.client.setHosts([host.supplied(), host.supplied()])).rejects.toMatchObject({
      status: 400,
    });
  });
});

async function asReader(path: string): Promise<unknown> {
  const http = lab.http({
    'x-kpsim-user': 'reader',
    'x-kpsim-privileges': 'Cryptographer.ReadKeyServersInfo',
  });
  return await http.json('GET', path);
}
