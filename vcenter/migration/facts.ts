import { referenceOf } from '../inventory/entities.js';
import type { Principal } from '../access/authorization.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { Survey } from './destination.js';
import { hostFacts } from './host-facts.js';
import type { MigrationRequest } from './request.js';
import type { MigrationFacts, VmFacts } from './rule-facts.js';

/** Gathers what the rules want to know of a migration, from this vCenter and from what its destination told. */
export async function gatherFacts(
  vcenter: Vcenter,
  principal: Principal,
  request: MigrationRequest,
  destination: { readonly survey: Survey; readonly acrossVcenters: boolean },
): Promise<MigrationFacts> {
  const { inventory, hosts, providers, authorization, config } = vcenter;
  const { survey, acrossVcenters } = destination;
  const { vm, operation, wishes } = request;
  const host = vcenter.vms.hostOf(vm);
  const hostChanges = survey.place.hostUuid !== host.uuid;
  const known = await providers.list();
  return {
    operation,
    acrossVcenters,
    hostChanges,
    vm: await vmFacts(vcenter, vm, { operation, hostChanges, datastore: survey.place.datastore }),
    request: wishes,
    source: {
      vcenter: { name: config.name, version: config.version },
      host: hostFacts(inventory, host, hosts.requireConnected(host)),
      providers: await Promise.all(known.map((provider) => provider.facts())),
    },
    destination: survey.side,
    privileges: {
      vm: {
        object: referenceOf(vm),
        privileges: [...authorization.privilegesOn(principal, referenceOf(vm))],
      },
      destinationFolder: survey.folderPrivileges,
      destinationHost: survey.hostPrivileges,
    },
  };
}

async function vmFacts(
  { vms }: Vcenter,
  vm: VirtualMachineEntity,
  move: {
    readonly operation: 'migrate' | 'clone';
    readonly hostChanges: boolean;
    readonly datastore: string;
  },
): Promise<VmFacts> {
  const { info } = vm;
  const policies = new Map((vm.diskStoragePolicies ?? []).map((row) => [row.key, row.storagePolicy]));
  return {
    reference: referenceOf(vm),
    name: vm.name,
    poweredOn: info.powerState === 'poweredOn',
    encrypted: info.keyId !== undefined,
    keyProviders: await vms.keyProvidersOf(vm),
    migrateEncryption: info.keyId ? 'required' : info.migrateEncryption,
    storagePolicy: vm.storagePolicy,
    disks: info.disks.map((disk) => ({
      key: disk.key,
      encrypted: disk.encrypted,
      moves: move.hostChanges || move.operation === 'clone' || disk.datastore !== move.datastore,
      storagePolicy: policies.get(disk.key) ?? vm.storagePolicy,
    })),
  };
}
