import { ACCEPTED, prove } from '../step.js';
import type { DemoStep } from '../step.js';
import type { Route } from './names.js';

/**
 * Powers the VM of a route off in the west and reboots its host, which loses every key that it had in memory; then
 * powers the VM on again: the host must get the key anew.
 */
export function rebootStep({ vm: name, provider, to }: Route): DemoStep {
  return {
    id: `reboot:${provider}`,
    title: `Reboot ${to}, which forgets its keys, and power ${name} on there; its contents are equal`,
    expected: ACCEPTED,
    needs: [`migrate:${provider}`],
    run: async (context, note) => {
      const vm = context.vm(name);
      const client = await vm.vcenter.client();
      const { value } = await vm.reference();
      await client.run('VirtualMachine', value, 'PowerOffVM_Task', {});
      const { found, scannedBytes } = await vm.scanAtRest();
      prove(found === 0, `${found} blocks of plaintext are at rest in the west.`);
      const host = await vm.vcenter.host(to);
      await client.run('HostSystem', host.value, 'RebootHost_Task', { force: true });
      await client.run('VirtualMachine', value, 'PowerOnVM_Task', {});
      const sha256 = await vm.proveContents();
      const { saveDisksTo } = context.options;
      const saved = saveDisksTo === undefined ? [] : await vm.saveDisks(saveDisksTo);
      note({ scannedBytes, foundAtRest: found, sha256, ...(saved.length > 0 && { saved }) });
    },
  };
}
