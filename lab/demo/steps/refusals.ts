import { encryptVm } from '../../configure/vms.js';
import type { DemoContext } from '../context.js';
import type { LabHost } from '../../services/host.js';
import type { GuestVm } from '../guest-vm.js';
import { precheck, relocate } from '../relocate.js';
import type { DemoStep } from '../step.js';
import { prove } from '../step.js';
import { makeSpareVm } from './make-vm.js';
import { OLD_HOST } from './names.js';

/** A migration that must be refused: one row each. */
interface RefusalRow {
  readonly id: string;
  readonly title: string;
  /** The rule that must refuse it. */
  readonly rule: string;
  readonly vm: string;
  readonly from: string;
  readonly to: string;
  /** Provider that encrypts the VM; none leaves it unencrypted. */
  readonly provider?: string;
  /** Encrypted vMotion of an unencrypted VM. */
  readonly migrateEncryption?: 'required';
  /** User of the source vCenter that asks for it; the administrator unless told. */
  readonly user?: string;
}

const ROWS: readonly RefusalRow[] = [
  {
    id: 'standalone-host',
    title: 'A VM of a native key provider does not go to a standalone host',
    rule: 'XVC-3',
    vm: 'spare-nkp',
    from: 'esx-east-2',
    to: 'esx-west-3',
    provider: 'nkp-1',
  },
  {
    id: 'provider-missing',
    title: 'A VM whose provider the west does not have stays in the east',
    rule: 'XVC-2',
    vm: 'spare-nkp-east',
    from: 'esx-east-2',
    to: 'esx-west-2',
    provider: 'nkp-east',
  },
  {
    id: 'other-key-same-name',
    title: 'A VM whose provider has the same name in the west, but another key, stays in the east',
    rule: 'XVC-2n',
    vm: 'spare-nkp-twin',
    from: 'esx-east-1',
    to: 'esx-west-1',
    provider: 'nkp-twin',
  },
  {
    id: 'host-not-attested',
    title: 'A trusted VM does not go to a host that failed attestation',
    rule: 'TKP-1',
    vm: 'spare-tkp',
    from: 'esx-east-t1',
    to: 'esx-west-t2',
    provider: 'tkp-1',
  },
  {
    id: 'privilege-missing',
    title: 'A user without Cryptographer.Migrate cannot migrate an encrypted VM',
    rule: 'PRIV-1',
    vm: 'spare-skp',
    from: 'esx-east-1',
    to: 'esx-west-1',
    provider: 'skp-1',
    user: 'operator@vsphere.local',
  },
  {
    id: 'host-too-old',
    title: 'A VM that requires encrypted vMotion does not go to a host too old for it',
    rule: 'MODE-3',
    vm: 'spare-required',
    from: 'esx-east-1',
    to: OLD_HOST,
    migrateEncryption: 'required',
  },
];

/** What must be refused, by which rule. */
export const REFUSAL_STEPS: readonly DemoStep[] = ROWS.map((row) => ({
  id: `refuse:${row.id}`,
  title: row.title,
  expected: { outcome: 'refused', rule: row.rule },
  needs: ['start'],
  run: async (context, note) => {
    const vm = await prepare(row, context);
    const host = context.lab.host(row.to);
    const target = { vcenter: context.lab.vcenter(host.vcenter), host };
    const as = await (row.user === undefined ? vm.vcenter.client() : vm.vcenter.login(row.user));
    const told = await precheck(vm, target, as);
    note({ precheck: told });
    prove(told.includes(row.rule), `The precheck told ${told.join(', ') || 'nothing'}, not ${row.rule}.`);
    try {
      await relocate(vm, target, as);
    } catch (error) {
      await proveUnmoved(vm, host);
      throw error;
    }
  },
}));

/** A refused VM is where it was, whole, and nowhere else. */
async function proveUnmoved(vm: GuestVm, target: LabHost): Promise<void> {
  const { powerState } = await vm.info();
  prove(powerState === 'poweredOff', `${vm.name} is ${powerState} after the refusal.`);
  const there = await (await target.client()).listVms();
  prove(!there.some(({ id }) => id === vm.uuid), `${target.name} has ${vm.name} in spite of the refusal.`);
}

async function prepare(row: RefusalRow, context: DemoContext): Promise<GuestVm> {
  const vm = await makeSpareVm(context, context.lab.host(row.from), row.vm);
  const { value } = await vm.reference();
  if (row.provider !== undefined) await encryptVm(vm.vcenter, value, row.provider);
  if (row.migrateEncryption !== undefined) {
    const client = await vm.vcenter.client();
    await client.run('VirtualMachine', value, 'ReconfigVM_Task', {
      spec: { _typeName: 'VirtualMachineConfigSpec', migrateEncryption: row.migrateEncryption },
    });
  }
  return vm;
}
