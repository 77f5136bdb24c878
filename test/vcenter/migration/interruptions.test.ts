import { expect, it } from 'vitest';

import type { RunningHost } from '../site.js';
import { Site, addHost, addVm, faultOf, ref } from '../site.js';
import type { Side } from './sides.js';
import { locate, startSide } from './sides.js';

/** Hosts on which a VM is, by the hosts' own word. */
async function holders(name: string, ...hosts: readonly RunningHost[]): Promise<readonly string[]> {
  const found = await Promise.all(
    hosts.map(async (host) => {
      const vms = await host.client.listVms();
      return vms.some((vm) => vm.name === name) ? [host.name] : [];
    }),
  );
  return found.flat();
}

async function twoSides(site: Site): Promise<readonly [Side, Side]> {
  const kms = await site.startKms();
  return Promise.all([startSide(site, 'east', { kms }), startSide(site, 'west', { kms })]);
}

const relocate = ({ vc }: Side, vm: string, to: Side): Promise<unknown> =>
  vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(to) });

/** Each row is a call that a host refuses once, and where the VM is afterwards. */
it.each([
  { at: 'destination', operation: 'PrepareReceive', ends: 'esx-east' },
  { at: 'source', operation: 'StartSend', ends: 'esx-east' },
  { at: 'destination', operation: 'CommitReceive', ends: 'esx-east' },
  { at: 'source', operation: 'CommitSend', ends: 'esx-west' },
] as const)(
  'leaves the VM on exactly one host when $operation fails at the $at',
  async ({ at, operation, ends }) => {
    const site = await Site.create();
    const [east, west] = await twoSides(site);
    const vm = await addVm(east.vc, {
      name: 'ledger',
      folder: east.folder,
      pool: east.pool,
      provider: 'skp-1',
    });
    const victim = at === 'source' ? east.esx : west.esx;
    const { id } = victim.context.faults.add({
      operation,
      count: 1,
      action: { kind: 'error', reason: 'ERROR' },
    });

    await relocate(east, vm, west).catch(() => undefined);

    expect(victim.context.faults.list().find((fault) => fault.id === id)?.hits).toBe(1);
    expect(await holders('ledger', east.esx, west.esx)).toEqual([ends]);
    const [info] = await (ends === 'esx-east' ? east : west).esx.client.listVms();
    expect(info?.migrationId).toBeUndefined();
  },
);

it('brings a migration to its end after the source vCenter went away while the destination was to commit', async () => {
  const site = await Site.create();
  const [east, west] = await twoSides(site);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  // both the end of the task and the first attempts to settle it fail, as if the source vCenter had died there
  const fault = east.esx.context.faults.add({
    operation: 'CommitSend',
    action: { kind: 'error', reason: 'ERROR' },
  });
  await relocate(east, vm, west);
  expect(await holders('ledger', west.esx)).toEqual(['esx-west']);
  expect(east.vc.service.health().status).toBe('degraded');

  east.esx.context.faults.remove(fault.id);
  const restarted = await east.vc.restart();
  await expect.poll(() => restarted.service.health().status, { timeout: 15_000 }).toBe('ok');
  expect(await holders('ledger', east.esx, west.esx)).toEqual(['esx-west']);
});

it('finds out what became of a commit whose answer was lost', async () => {
  const site = await Site.create();
  const [east, west] = await twoSides(site);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  west.vc.context.faults.add({ operation: 'peer.commit', count: 2, action: { kind: 'truncate' } });
  await relocate(east, vm, west);
  expect(await holders('ledger', east.esx, west.esx)).toEqual(['esx-west']);
  expect(east.vc.service.health()).toEqual({ status: 'ok', details: [] });
});

it('gives the VM back when the destination vCenter vanished before it could commit, and refuses to commit later', async () => {
  const site = await Site.create();
  const [east, west] = await twoSides(site);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  const fault = west.esx.context.faults.add({
    operation: 'CommitReceive',
    action: { kind: 'error', reason: 'ERROR' },
  });
  expect((await faultOf(relocate(east, vm, west))).is('MethodFault')).toBe(true);
  west.esx.context.faults.remove(fault.id);
  await west.vc.restart();
  expect(await holders('ledger', east.esx, west.esx)).toEqual(['esx-east']);
  await east.vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  await relocate(east, vm, west);
  expect(await holders('ledger', east.esx, west.esx)).toEqual(['esx-west']);
});

it('lets only one task at a time change a VM', async () => {
  const site = await Site.create();
  const side = await startSide(site, 'east');
  const other = await site.startHost('esx-2');
  const target = await addHost(side.vc, side.cluster, other);
  const vm = await addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool, host: side.host });
  other.context.faults.add({
    operation: 'PrepareReceive',
    count: 1,
    action: { kind: 'delay', delayMs: 300 },
  });
  const { client } = side.vc;
  const task = await client.invoke('VirtualMachine', vm, 'MigrateVM_Task', {
    host: ref('HostSystem', target),
    priority: 'defaultPriority',
  });
  const refused = await faultOf(client.invoke('VirtualMachine', vm, 'PowerOnVM_Task', {}));
  expect(refused).toMatchObject({ fault: 'TaskInProgress', fields: { task: { value: task.value } } });
  await client.waitForTask(task);
  expect(await holders('web', side.esx, other)).toEqual(['esx-2']);
  expect((await client.property('VirtualMachine', vm, 'runtime')).host?.value).toBe(target);
});
