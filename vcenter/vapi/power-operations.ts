import { VapiError } from '../../core/http/index.js';
import { boolean, enumeration, id, optional, structure, voidType } from '../../wire/vapi/index.js';
import type { PrivilegeId } from '../access/privileges.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import { referenceTo } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { PowerChange } from '../virtual-machines/virtual-machines.js';
import { POWER_STATES } from './inventory-words.js';
import type { VapiOperation } from './operation.js';
import { vapiOperation } from './operation.js';

const SERVICE = 'com.vmware.vcenter.vm.power';
const { poweredOn, poweredOff, suspended } = POWER_STATES;

const info = structure(`${SERVICE}.info`, {
  state: enumeration([poweredOff, poweredOn, suspended]),
  clean_power_off: optional(boolean),
});

/** A change of power: what it does to the VM, and the state in which nothing is left to do. */
interface PowerRow {
  readonly operation: string;
  readonly does: PowerChange;
  readonly privilege: PrivilegeId;
  readonly desired?: VirtualMachineEntity['info']['powerState'];
}

const CHANGES: readonly PowerRow[] = [
  { operation: 'start', does: 'powerOn', privilege: 'VirtualMachine.Interact.PowerOn', desired: 'poweredOn' },
  {
    operation: 'stop',
    does: 'powerOff',
    privilege: 'VirtualMachine.Interact.PowerOff',
    desired: 'poweredOff',
  },
  {
    operation: 'suspend',
    does: 'suspend',
    privilege: 'VirtualMachine.Interact.Suspend',
    desired: 'suspended',
  },
  { operation: 'reset', does: 'reset', privilege: 'VirtualMachine.Interact.Reset' },
];

/**
 * `com.vmware.vcenter.vm.power`, `/api/vcenter/vm/{vm}/power`. A change is a task of the vCenter as well, and the
 * answer comes when that has ended.
 */
export function powerOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const common = {
    service: SERVICE,
    path: '/api/vcenter/vm/:vm/power',
    task: 'never',
    since: '6.7.0',
    input: { vm: id },
    object: ({ vm }: { readonly vm: string }) => referenceTo('VirtualMachine', vm),
  } as const;
  return [
    vapiOperation({
      ...common,
      operation: 'get',
      method: 'GET',
      privilege: 'System.Read',
      changes: false,
      output: info,
      run: async ({ input }) => {
        const { powerState } = (await vcenter.vms.fresh(input.vm)).info;
        return {
          state: POWER_STATES[powerState],
          ...(powerState === 'poweredOff' && { clean_power_off: true }),
        };
      },
    }),
    ...CHANGES.map(({ operation, does, privilege, desired }) =>
      vapiOperation({
        ...common,
        operation,
        method: 'POST',
        action: operation,
        privilege,
        changes: true,
        output: voidType,
        run: async ({ session: { principal }, input }) => {
          const vm = await vcenter.vms.fresh(input.vm);
          if (vm.info.powerState === desired) {
            const message = `${vm.name} is ${POWER_STATES[desired]} already.`;
            throw new VapiError('ALREADY_IN_DESIRED_STATE', message);
          }
          const subject = {
            entity: vm,
            descriptionId: `VirtualMachine.${does}`,
            userName: principal.name,
          };
          await vcenter.tasks.run(subject, () => vcenter.vms[does](vm, principal));
        },
      }),
    ),
  ];
}
