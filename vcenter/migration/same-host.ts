import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { Assessment } from './migrations.js';
import type { MigrationRequest } from './request.js';
import { vmArgument } from '../operations/events.js';

/** A relocation or clone that stays on its host: the host copies files as they are, encrypted disks encrypted. */
export async function moveWithinHost(
  vcenter: Vcenter,
  principal: Principal,
  request: MigrationRequest,
  { survey, plan }: Assessment,
): Promise<ManagedObjectReference> {
  const { inventory, hosts, supply, events, authorization } = vcenter;
  const { vm } = request;
  const { place } = survey;
  const host = vcenter.vms.hostOf(vm);
  const client = hosts.client(host);
  if (request.operation === 'migrate') {
    const moves = vm.info.datastore !== place.datastore;
    const info = moves ? await client.relocateVm(vm.uuid, place.datastore) : vm.info;
    const moved = hosts.vms.put(host, info, { folder: place.folder });
    if (moves) {
      const message = `Relocated ${vm.name} to datastore ${place.datastore} of ${host.name}.`;
      const sourceHost = { _typeName: 'HostEventArgument', name: host.name, host: referenceOf(host) };
      events.post('VmRelocatedEvent', { vm, host, userName: principal.name, message }, { sourceHost });
    }
    return referenceOf(moved);
  }
  authorization.demand(
    principal,
    referenceTo('Folder', place.folder),
    'VirtualMachine.Inventory.CreateFromExisting',
  );
  const name = request.cloneName ?? vm.name;
  const info = await supply.withKeys(host, () =>
    client.cloneVm(vm.uuid, { name, datastore: place.datastore }),
  );
  const clone = inventory.put({
    ...hosts.vms.put(host, info, { folder: place.folder, name }),
    ...(plan.storagePolicy !== undefined && { storagePolicy: plan.storagePolicy }),
    diskStoragePolicies: plan.diskStoragePolicies,
  });
  const message = `Cloned ${vm.name} to ${name} on ${host.name}.`;
  const sourceVm = vmArgument(vm);
  events.post('VmClonedEvent', { vm: clone, host, userName: principal.name, message }, { sourceVm });
  if (request.powerOn === true) await vcenter.vms.powerOn(clone, principal);
  return referenceOf(clone);
}
