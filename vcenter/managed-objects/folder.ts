import type { MethodHandlers } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { FolderEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { FolderKind } from '../inventory/inventory.js';
import type { Caller } from './caller.js';
import { demand, principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Kind of a folder by what may be in it besides folders. */
const KIND_OF_CHILD: Readonly<Record<string, FolderKind>> = {
  Datacenter: 'datacenter',
  VirtualMachine: 'vm',
  ComputeResource: 'host',
  Datastore: 'datastore',
  Network: 'network',
};

/** Folder: where everything else is made. */
export const FOLDER_METHODS: MethodHandlers<Caller, 'Folder'> = {
  CreateFolder({ vcenter }, self, { name }) {
    const { inventory } = vcenter;
    const folder = inventory.require('Folder', self);
    inventory.checkName(folder.moid, name);
    return referenceOf(inventory.addFolder(kindOf(folder), name, folder.moid));
  },
  CreateDatacenter({ vcenter }, self, { name }) {
    const folder = requireKind(vcenter.inventory.require('Folder', self), 'datacenter');
    return referenceOf(vcenter.topology.addDatacenter(name, folder.moid));
  },
  CreateCluster({ vcenter }, self, { name }) {
    const folder = requireKind(vcenter.inventory.require('Folder', self), 'host');
    return referenceOf(vcenter.topology.addCluster(name, folder.moid));
  },
  CreateClusterEx({ vcenter }, self, { name, spec }) {
    const folder = requireKind(vcenter.inventory.require('Folder', self), 'host');
    return referenceOf(vcenter.topology.addCluster(name, folder.moid, spec.cryptoConfig?.cryptoMode));
  },
  AddStandaloneHost_Task(caller, self, { spec, addConnected }) {
    const { vcenter } = caller;
    const folder = requireKind(vcenter.inventory.require('Folder', self), 'host');
    return vcenter.tasks.start(
      {
        entity: folder,
        shared: true,
        descriptionId: 'Folder.addStandaloneHost',
        userName: principalOf(caller).name,
      },
      async () => {
        const host = await vcenter.topology.addHost(spec, { folder: folder.moid, connected: addConnected });
        const compute = vcenter.inventory.computeOf(host.moid);
        return compute && referenceOf(compute);
      },
    );
  },
  CreateVM_Task(caller, self, { config, pool, host }) {
    const { vcenter } = caller;
    const folder = requireKind(vcenter.inventory.require('Folder', self), 'vm');
    demand(caller, pool, 'Resource.AssignVMToPool');
    return vcenter.tasks.start(
      {
        entity: folder,
        shared: true,
        descriptionId: 'Folder.createVm',
        userName: principalOf(caller).name,
      },
      async () =>
        referenceOf(
          await vcenter.vms.create(principalOf(caller), { config, folder: folder.moid, pool, host }),
        ),
    );
  },
};

/** Properties of Folder. */
export const FOLDER_PROPERTIES: PropertyReaders<'Folder'> = {
  childType: ({ vcenter }, self) => vcenter.inventory.require('Folder', self).childType,
  childEntity(caller, self) {
    const { inventory, authorization } = caller.vcenter;
    return inventory
      .children(inventory.require('Folder', self).moid)
      .map(referenceOf)
      .filter((child) => authorization.has(principalOf(caller), child, 'System.View'));
  },
};

/** @throws VimFault `NotSupported` if the folder is not for that */
function requireKind(folder: FolderEntity, kind: FolderKind): FolderEntity {
  if (kindOf(folder) === kind) return folder;
  throw new VimFault(
    'NotSupported',
    `Folder ${folder.name} (${folder.moid}) is for ${folder.childType.join(', ')} only; choose another folder.`,
  );
}

function kindOf(folder: FolderEntity): FolderKind {
  const child = folder.childType.find((type) => type !== 'Folder') ?? '';
  return KIND_OF_CHILD[child] ?? 'datacenter';
}
