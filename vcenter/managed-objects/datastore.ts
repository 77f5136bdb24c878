import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Datastore: its state is that of its host. */
export const DATASTORE_METHODS: MethodHandlers<Caller, 'Datastore'> = {
  async RefreshDatastore({ vcenter }, self) {
    const datastore = vcenter.inventory.require('Datastore', self);
    await vcenter.hosts.refresh(vcenter.inventory.require('HostSystem', datastore.host));
    return undefined;
  },
};

/** Properties of Datastore. kpsim's hosts do not tell how much space they have, so none is told of. */
export const DATASTORE_PROPERTIES: PropertyReaders<'Datastore'> = {
  summary: ({ vcenter }, self) => summary(vcenter, self.value),
  info({ vcenter }, self) {
    const { name, url } = summary(vcenter, self.value);
    return {
      _typeName: 'LocalDatastoreInfo',
      name,
      url,
      freeSpace: 0,
      maxFileSize: Number.MAX_SAFE_INTEGER,
      maxMemoryFileSize: Number.MAX_SAFE_INTEGER,
    };
  },
  host({ vcenter }, self) {
    const { host } = vcenter.inventory.require('Datastore', self);
    return [
      {
        _typeName: 'DatastoreHostMount',
        key: referenceTo('HostSystem', host),
        mountInfo: {
          _typeName: 'HostMountInfo',
          accessMode: 'readWrite',
          mounted: true,
          accessible: vcenter.hosts.state(host).connected,
        },
      },
    ];
  },
  vm: ({ vcenter: { inventory } }, self) => vmsIn(inventory, self.value).map(referenceOf),
  capability: () => ({
    _typeName: 'DatastoreCapability',
    directoryHierarchySupported: true,
    rawDiskMappingsSupported: false,
    perFileThinProvisioningSupported: true,
    storageIORMSupported: false,
    nativeSnapshotSupported: false,
  }),
};

function summary({ inventory, hosts }: Vcenter, moid: string): VimObject<'DatastoreSummary'> {
  const datastore = inventory.require('Datastore', moid);
  return {
    _typeName: 'DatastoreSummary',
    datastore: referenceOf(datastore),
    name: datastore.name,
    url: `ds:///vmfs/volumes/${datastore.host}-${encodeURIComponent(datastore.name)}/`,
    capacity: 0,
    freeSpace: 0,
    accessible: hosts.state(datastore.host).connected,
    multipleHostAccess: false,
    type: 'VMFS',
    maintenanceMode: 'normal',
  };
}

function vmsIn(inventory: Inventory, moid: string): readonly VirtualMachineEntity[] {
  const { host, name } = inventory.require('Datastore', moid);
  return inventory
    .vmsOn(host)
    .filter(({ info }) => info.datastore === name || info.disks.some((disk) => disk.datastore === name));
}
