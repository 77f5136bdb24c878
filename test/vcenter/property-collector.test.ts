import { expect, it } from 'vitest';

import type { VimObject } from '../../wire/vim25/index.js';
import { Site, addCluster, addDatacenter, addHost, addVm, faultOf, ref } from './site.js';

const COLLECTOR = ['PropertyCollector', 'propertyCollector'] as const;

/** The walk through folders and datacenters that every vSphere client sends. */
const WALK: VimObject<'TraversalSpec'>[] = [
  {
    _typeName: 'TraversalSpec',
    name: 'folder',
    type: 'Folder',
    path: 'childEntity',
    skip: false,
    selectSet: ['folder', 'vms', 'hosts', 'compute'].map((name) => ({ _typeName: 'SelectionSpec', name })),
  },
  ...(['vm', 'host'] as const).map((kind): VimObject<'TraversalSpec'> => ({
    _typeName: 'TraversalSpec',
    name: `${kind}s`,
    type: 'Datacenter',
    path: `${kind}Folder`,
    skip: false,
    selectSet: [{ _typeName: 'SelectionSpec', name: 'folder' }],
  })),
  { _typeName: 'TraversalSpec', name: 'compute', type: 'ComputeResource', path: 'host', skip: false },
];

function walk(...propSet: { type: string; pathSet: string[] }[]): VimObject<'PropertyFilterSpec'> {
  return {
    _typeName: 'PropertyFilterSpec',
    propSet: propSet.map((spec) => ({ _typeName: 'PropertySpec', all: false, ...spec })),
    objectSet: [{ _typeName: 'ObjectSpec', obj: ref('Folder', 'group-d1'), skip: false, selectSet: WALK }],
  };
}

async function inventory() {
  const site = await Site.create();
  const [vc, esx] = await Promise.all([site.startVcenter('vc-east'), site.startHost('esx-1')]);
  const datacenter = await addDatacenter(vc, 'berlin');
  const { cluster, pool } = await addCluster(vc, datacenter, 'east');
  const host = await addHost(vc, cluster, esx);
  const vm = await addVm(vc, { name: 'web', folder: datacenter.vmFolder, pool });
  return { site, vc, esx, host, vm, folder: datacenter.vmFolder };
}

it('walks the inventory by named traversals that name one another, and reads nested paths', async () => {
  const { vc, vm, host } = await inventory();
  const result = await vc.client.invoke(...COLLECTOR, 'RetrievePropertiesEx', {
    specSet: [
      walk(
        {
          type: 'VirtualMachine',
          pathSet: ['name', 'summary.runtime.powerState', 'config.hardware.device[2000].key'],
        },
        { type: 'HostSystem', pathSet: ['summary.config.name', 'vm'] },
      ),
    ],
    options: { _typeName: 'RetrieveOptions' },
  });
  const told = new Map(
    result?.objects.map(({ obj, propSet }) => [
      obj.value,
      Object.fromEntries((propSet ?? []).map(({ name, val }) => [name, (val as { _value: unknown })._value])),
    ]),
  );
  expect(told.get(vm)).toEqual({
    name: 'web',
    'summary.runtime.powerState': 'poweredOff',
    'config.hardware.device[2000].key': 2000,
  });
  expect(told.get(host)).toMatchObject({ 'summary.config.name': 'esx-1', vm: [{ value: vm }] });
});

it('tells page by page, and gives a token away once', async () => {
  const { vc } = await inventory();
  const first = await vc.client.invoke(...COLLECTOR, 'RetrievePropertiesEx', {
    specSet: [walk({ type: 'ManagedEntity', pathSet: ['name'] })],
    options: { _typeName: 'RetrieveOptions', maxObjects: 3 },
  });
  expect(first?.objects).toHaveLength(3);
  const token = first?.token ?? '';
  const next = await vc.client.invoke(...COLLECTOR, 'ContinueRetrievePropertiesEx', { token });
  expect(next.objects).toHaveLength(3);
  const again = vc.client.invoke(...COLLECTOR, 'ContinueRetrievePropertiesEx', { token });
  expect((await faultOf(again)).fault).toBe('InvalidArgument');
});

it('reports a path that a type does not have, and refuses names that no traversal has', async () => {
  const { vc, vm } = await inventory();
  const options = { _typeName: 'RetrieveOptions' } as const;
  const result = await vc.client.invoke(...COLLECTOR, 'RetrievePropertiesEx', {
    specSet: [walk({ type: 'VirtualMachine', pathSet: ['name', 'config.colour'] })],
    options,
  });
  const content = result?.objects.find(({ obj }) => obj.value === vm);
  expect(content?.missingSet).toMatchObject([
    { path: 'config.colour', fault: { fault: { _typeName: 'InvalidProperty' } } },
  ]);
  const spec = walk({ type: 'Folder', pathSet: ['name'] });
  const broken = {
    ...spec,
    objectSet: [
      { ...spec.objectSet[0]!, selectSet: [{ _typeName: 'SelectionSpec', name: 'nobody' } as const] },
    ],
  };
  const refused = vc.client.invoke(...COLLECTOR, 'RetrievePropertiesEx', { specSet: [broken], options });
  expect((await faultOf(refused)).fault).toBe('InvalidArgument');
});

it('wakes a client that waits for updates, with what changed alone', async () => {
  const { vc, vm } = await inventory();
  const collector = await vc.client.invoke(...COLLECTOR, 'CreatePropertyCollector', {});
  await vc.client.invoke('PropertyCollector', collector.value, 'CreateFilter', {
    spec: {
      _typeName: 'PropertyFilterSpec',
      propSet: [
        { _typeName: 'PropertySpec', type: 'VirtualMachine', pathSet: ['name', 'runtime.powerState'] },
      ],
      objectSet: [{ _typeName: 'ObjectSpec', obj: ref('VirtualMachine', vm) }],
    },
    partialUpdates: false,
  });
  const wait = (version: string, maxWaitSeconds: number) =>
    vc.client.invoke('PropertyCollector', collector.value, 'WaitForUpdatesEx', {
      version,
      options: { _typeName: 'WaitOptions', maxWaitSeconds },
    });
  const all = await wait('', 10);
  expect(all?.filterSet?.[0]?.objectSet).toMatchObject([{ kind: 'enter', changeSet: [{}, {}] }]);
  expect(await wait(all!.version, 0)).toBeUndefined();
  const waiting = wait(all!.version, 30);
  await vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  expect((await waiting)?.filterSet?.[0]?.objectSet).toMatchObject([
    { kind: 'modify', changeSet: [{ name: 'runtime.powerState', val: { _value: 'poweredOn' } }] },
  ]);
  expect((await faultOf(wait('4711', 0))).fault).toBe('InvalidCollectorVersion');
});

it('keeps collectors, views and filters of one session from others', async () => {
  const { site, vc } = await inventory();
  const collector = await vc.client.invoke(...COLLECTOR, 'CreatePropertyCollector', {});
  const view = await vc.client.invoke('ViewManager', 'ViewManager', 'CreateContainerView', {
    container: ref('Folder', 'group-d1'),
    type: ['VirtualMachine'],
    recursive: true,
  });
  expect(await vc.client.property('ContainerView', view.value, 'view')).toHaveLength(1);
  const other = site.vcenterClient(vc.url);
  await other.login('administrator@vsphere.local', 'kpsim-Test-1!');
  const foreign = [
    other.invoke('PropertyCollector', collector.value, 'DestroyPropertyCollector', {}),
    other.property('ContainerView', view.value, 'view'),
  ];
  for (const call of foreign) expect((await faultOf(call)).fault).toBe('ManagedObjectNotFound');
});
