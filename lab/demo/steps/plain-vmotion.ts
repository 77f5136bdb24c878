import { relocate } from '../relocate.js';
import { ACCEPTED, prove } from '../step.js';
import type { DemoStep } from '../step.js';
import { makeSpareVm } from './make-vm.js';
import { OLD_HOST } from './names.js';

const NAME = 'plain-vm';

/**
 * The counter-proof for the tap: an unencrypted VM whose encrypted vMotion is disabled goes to a host that knows
 * none, and there the tap sees its disk.
 */
export const plainVmotionStep: DemoStep = {
  id: 'counter-proof:plain-vmotion',
  title: `Counter-proof: ${NAME}, not encrypted, crosses to ${OLD_HOST} in plain, and the tap sees it`,
  expected: ACCEPTED,
  needs: ['start'],
  run: async (context, note) => {
    const vm = await makeSpareVm(context, context.lab.host('esx-east-1'), NAME, 'read');
    const client = await vm.vcenter.client();
    await client.run('VirtualMachine', (await vm.reference()).value, 'ReconfigVM_Task', {
      spec: { _typeName: 'VirtualMachineConfigSpec', migrateEncryption: 'disabled' },
    });
    const tap = context.tap(OLD_HOST);
    tap.watchFor(vm.disks.map(({ index }) => index));
    const host = context.lab.host(OLD_HOST);
    await relocate(vm, { vcenter: context.lab.vcenter(host.vcenter), host });
    const { found, scannedBytes } = tap.result();
    const blocks = vm.tellingBlocks;
    prove(
      found >= blocks,
      `The tap saw ${found} of ${blocks} blocks that crossed in plain: it does not see.`,
    );
    note({ wireBytes: scannedBytes, blocks, foundOnWire: found });
  },
};
