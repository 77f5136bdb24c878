import type { VcenterClient } from '../../vcenter/client.js';
import { rulesOf } from '../../vcenter/client.js';
import type { VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { LabHost } from '../services/host.js';
import type { LabVcenter } from '../services/vcenter.js';
import type { GuestVm } from './guest-vm.js';

/** Where a VM is to go. */
export interface Target {
  readonly vcenter: LabVcenter;
  readonly host: LabHost;
}

/** The `RelocateSpec` that sends a VM to a host, of another vCenter if need be. */
export async function relocateSpec(
  vm: GuestVm,
  { vcenter, host }: Target,
): Promise<VimObject<'VirtualMachineRelocateSpec'>> {
  const client = await vcenter.client();
  const reference = await vcenter.host(host.name);
  const compute = await client.property('HostSystem', reference.value, 'parent');
  const pool = compute && (await client.property('ComputeResource', compute.value, 'resourcePool'));
  const [datastore] = (await client.property('HostSystem', reference.value, 'datastore')) ?? [];
  const folder = await vcenter.find(`${vcenter.datacenterName}/vm`);
  const service = vcenter.name === vm.vcenter.name ? undefined : await vcenter.serviceLocator();
  return {
    _typeName: 'VirtualMachineRelocateSpec',
    host: reference,
    ...(pool && { pool }),
    ...(datastore && { datastore }),
    ...(service && folder && { service, folder: { ...folder, type: 'Folder' } }),
  };
}

/** Migrates a VM. @throws VimFault the vCenter's refusal */
export async function relocate(vm: GuestVm, target: Target, as?: VcenterClient): Promise<void> {
  const client = as ?? (await vm.vcenter.client());
  const spec = await relocateSpec(vm, target);
  await client.run('VirtualMachine', (await vm.reference()).value, 'RelocateVM_Task', { spec });
  vm.movedTo(target.host);
}

/** Numbers of all rules that a migration would break or come near to breaking, as the precheck tells them. */
export async function precheck(vm: GuestVm, target: Target, as?: VcenterClient): Promise<readonly string[]> {
  const client = as ?? (await vm.vcenter.client());
  const result = (await client.run('VirtualMachineProvisioningChecker', 'ProvChecker', 'CheckRelocate_Task', {
    vm: await vm.reference(),
    spec: await relocateSpec(vm, target),
  })) as { readonly _value?: readonly VimObject<'CheckResult'>[] } | undefined;
  const checks = result?._value ?? [];
  return checks
    .flatMap(({ error = [], warning = [] }) => [...error, ...warning])
    .flatMap(({ fault, localizedMessage }) => rulesOf(VimFault.from(fault, localizedMessage ?? '')));
}
