import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { PropertyReaders } from './property-table.js';

/** Properties of Datacenter. */
export const DATACENTER_PROPERTIES: PropertyReaders<'Datacenter'> = {
  vmFolder: ({ vcenter }, self) =>
    referenceTo('Folder', vcenter.inventory.require('Datacenter', self).vmFolder),
  hostFolder: ({ vcenter }, self) =>
    referenceTo('Folder', vcenter.inventory.require('Datacenter', self).hostFolder),
  datastoreFolder: ({ vcenter }, self) =>
    referenceTo('Folder', vcenter.inventory.require('Datacenter', self).datastoreFolder),
  networkFolder: ({ vcenter }, self) =>
    referenceTo('Folder', vcenter.inventory.require('Datacenter', self).networkFolder),
  datastore({ vcenter: { inventory } }, self) {
    const { datastoreFolder } = inventory.require('Datacenter', self);
    return inventory.children(datastoreFolder).map(referenceOf);
  },
  network: () => [],
  configuration: () => ({ _typeName: 'DatacenterConfigInfo' }),
};
