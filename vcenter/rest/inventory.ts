import type { Request, Router } from 'express';
import express from 'express';

import { VapiError, validate } from '../../core/http/index.js';
import type { Entity, EntityOf } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import { POWER_STATES, connectionState, folderType } from '../vapi/inventory-words.js';
import type { Vcenter } from '../vcenter.js';
import type { InventoryFilters, ListedType } from './inventory-filters.js';
import { INVENTORY_FILTERS, filterSchema, passes } from './inventory-filters.js';
import type { RestCall } from './other-methods.js';
import { restSession } from './session.js';

/** Entities that one list tells, as the Automation API bounds it. */
const LIST_LIMIT = 4000;

/** One resource of `/api/vcenter`: its entities and their summaries. */
interface Resource<T extends ListedType> {
  readonly type: T;
  readonly summary: (vcenter: Vcenter, entity: EntityOf<T>) => unknown;
  readonly info: (vcenter: Vcenter, entity: EntityOf<T>) => unknown;
}

const VM: Resource<'VirtualMachine'> = {
  type: 'VirtualMachine',
  summary: (_vcenter, vm) => ({
    vm: vm.moid,
    name: vm.name,
    power_state: POWER_STATES[vm.info.powerState],
    cpu_count: 1,
    memory_size_MiB: vm.info.memoryMiB,
  }),
  info: (_vcenter, vm) => ({
    name: vm.name,
    identity: { name: vm.name, bios_uuid: vm.uuid, instance_uuid: vm.uuid },
    power_state: POWER_STATES[vm.info.powerState],
    cpu: { count: 1, cores_per_socket: 1, hot_add_enabled: false, hot_remove_enabled: false },
    memory: { size_MiB: vm.info.memoryMiB, hot_add_enabled: false },
    disks: Object.fromEntries(
      vm.info.disks.map((disk, unit) => [
        String(disk.key),
        {
          label: disk.label,
          type: 'SCSI',
          scsi: { bus: 0, unit },
          backing: { type: 'VMDK_FILE', vmdk_file: `[${disk.datastore}] ${disk.files[0] ?? ''}` },
          capacity: disk.capacityBytes,
        },
      ]),
    ),
  }),
};

const HOST: Resource<'HostSystem'> = {
  type: 'HostSystem',
  summary: (vcenter, host) => ({
    host: host.moid,
    name: host.name,
    connection_state: connectionState(vcenter, host),
    ...(vcenter.hosts.state(host.moid).connected && { power_state: 'POWERED_ON' }),
  }),
  info: (vcenter, host) => ({
    host: host.moid,
    name: host.name,
    connection_state: connectionState(vcenter, host),
  }),
};

const CLUSTER: Resource<'ClusterComputeResource'> = {
  type: 'ClusterComputeResource',
  summary: (_vcenter, cluster) => ({
    cluster: cluster.moid,
    name: cluster.name,
    ha_enabled: false,
    drs_enabled: false,
  }),
  info: (_vcenter, cluster) => ({ name: cluster.name, resource_pool: cluster.resourcePool }),
};

const DATASTORE: Resource<'Datastore'> = {
  type: 'Datastore',
  summary: (_vcenter, datastore) => ({ datastore: datastore.moid, name: datastore.name, type: 'VMFS' }),
  info: ({ hosts }, datastore) => ({
    name: datastore.name,
    type: 'VMFS',
    accessible: hosts.state(datastore.host).connected,
    multiple_host_access: false,
    thin_provisioning_supported: true,
  }),
};

const FOLDER: Resource<'Folder'> = {
  type: 'Folder',
  summary: (_vcenter, folder) => ({
    folder: folder.moid,
    name: folder.name,
    type: folderType(folder),
  }),
  info: (vcenter, folder) => FOLDER.summary(vcenter, folder),
};

const DATACENTER: Resource<'Datacenter'> = {
  type: 'Datacenter',
  summary: (_vcenter, datacenter) => ({ datacenter: datacenter.moid, name: datacenter.name }),
  info: (_vcenter, datacenter) => ({
    name: datacenter.name,
    vm_folder: datacenter.vmFolder,
    host_folder: datacenter.hostFolder,
    datastore_folder: datacenter.datastoreFolder,
    network_folder: datacenter.networkFolder,
  }),
};

/** What can be listed, each at `/api/vcenter/{name}`. */
export const INVENTORY_NAMES = ['vm', 'host', 'cluster', 'datastore', 'folder', 'datacenter'] as const;

/** Calls of {@link inventoryRouter}. */
export const INVENTORY_CALLS: readonly RestCall[] = INVENTORY_NAMES.flatMap((name) => [
  { method: 'GET', path: `/api/vcenter/${name}` },
  { method: 'GET', path: `/api/vcenter/${name}/:moid` },
]);

/** `GET /api/vcenter/{vm,host,cluster,datastore,folder,datacenter}`, lists and single ones. */
export function inventoryRouter(vcenter: Vcenter): Router {
  const router = express.Router();
  serve(router, vcenter, 'vm', VM);
  serve(router, vcenter, 'host', HOST);
  serve(router, vcenter, 'cluster', CLUSTER);
  serve(router, vcenter, 'datastore', DATASTORE);
  serve(router, vcenter, 'folder', FOLDER);
  serve(router, vcenter, 'datacenter', DATACENTER);
  return router;
}

function serve<T extends ListedType>(
  router: Router,
  vcenter: Vcenter,
  path: string,
  resource: Resource<T>,
): void {
  const filters: InventoryFilters<EntityOf<T>> = INVENTORY_FILTERS[resource.type];
  const query = filterSchema(filters);
  router.get(`/api/vcenter/${path}`, async (request, response) => {
    const visible = await visibleTo(vcenter, request);
    const given = validate(query, request.query, 'The query');
    const found = vcenter.inventory
      .ofType(resource.type)
      .filter(visible)
      .filter((entity) => passes(vcenter, entity, filters, given));
    if (found.length > LIST_LIMIT) {
      throw new VapiError('ERROR', `There are more than ${LIST_LIMIT}; narrow the list with a filter.`);
    }
    response.json(found.map((entity) => resource.summary(vcenter, entity)));
  });
  router.get(`/api/vcenter/${path}/:moid`, async (request, response) => {
    const visible = await visibleTo(vcenter, request);
    const entity = vcenter.inventory.get(request.params.moid);
    if (entity?.type !== resource.type || !visible(entity)) {
      throw new VapiError(
        'NOT_FOUND',
        `There is no ${path} of that id; GET /api/vcenter/${path} lists them.`,
      );
    }
    response.json(resource.info(vcenter, entity as EntityOf<T>));
  });
}

async function visibleTo(vcenter: Vcenter, request: Request): Promise<(entity: Entity) => boolean> {
  const { principal } = restSession(vcenter, request);
  await vcenter.hosts.refreshAll();
  return (entity) => vcenter.authorization.has(principal, referenceOf(entity), 'System.Read');
}
