import { ACCEPTED } from '../step.js';
import type { DemoStep } from '../step.js';
import type { Route } from './names.js';

/** Powers the VM of a route on in the east: its host gets the key, and the guest reads what was on the disk. */
export function powerOnStep({ vm: name, provider, from }: Route): DemoStep {
  return {
    id: `power-on:${provider}`,
    title: `Power ${name} on at ${from}; the guest reads its disk as it was`,
    expected: ACCEPTED,
    needs: [`encrypt:${provider}`],
    run: async (context, note) => {
      const vm = context.vm(name);
      const client = await vm.vcenter.client();
      await client.run('VirtualMachine', (await vm.reference()).value, 'PowerOnVM_Task', {});
      note({ sha256: await vm.proveContents() });
    },
  };
}
