import type { ManagedObjectReference, MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { boxed } from '../../wire/vim25/index.js';
import { referenceOf } from '../inventory/entities.js';
import type { MigrationRequest } from '../migration/request.js';
import { readCloneSpec, readRelocateSpec } from '../migration/request.js';
import { faultOf } from '../migration/violations.js';
import type { Caller } from './caller.js';
import { demand, principalOf } from './caller.js';

/** VirtualMachineProvisioningChecker: would it work? All rules that it would break are told at once. */
export const PROVISIONING_CHECKER_METHODS: MethodHandlers<Caller, 'VirtualMachineProvisioningChecker'> = {
  CheckRelocate_Task(caller, _self, { vm, spec }) {
    const found = caller.vcenter.inventory.require('VirtualMachine', vm);
    return check(caller, readRelocateSpec(found, spec));
  },
  CheckMigrate_Task(caller, _self, { vm, host, pool }) {
    const found = caller.vcenter.inventory.require('VirtualMachine', vm);
    return check(caller, readRelocateSpec(found, { _typeName: 'VirtualMachineRelocateSpec', host, pool }));
  },
  CheckClone_Task(caller, _self, { vm, folder, name, spec }) {
    const found = caller.vcenter.inventory.require('VirtualMachine', vm);
    return check(caller, readCloneSpec(found, folder, name, spec));
  },
};

function check(caller: Caller, request: MigrationRequest): ManagedObjectReference {
  const { vm } = request;
  demand(caller, referenceOf(vm), 'System.Read');
  const principal = principalOf(caller);
  return caller.vcenter.tasks.start(
    { entity: vm, shared: true, descriptionId: 'ProvisioningChecker.check', userName: principal.name },
    async () => {
      const { facts, violations } = await caller.vcenter.migrations.assess(principal, request);
      const told = (severity: 'error' | 'warning'): VimObject<'LocalizedMethodFault'>[] =>
        violations
          .filter((violation) => violation.severity === severity)
          .map((violation) => faultOf(violation).toLocalizedMethodFault());
      const result: VimObject<'CheckResult'> = {
        _typeName: 'CheckResult',
        vm: referenceOf(vm),
        host: facts.destination.host.reference,
        warning: told('warning'),
        error: told('error'),
      };
      return boxed('CheckResult[]', [result]);
    },
  );
}
