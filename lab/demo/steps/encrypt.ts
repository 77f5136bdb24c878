import { encryptVm } from '../../configure/vms.js';
import { ACCEPTED, prove } from '../step.js';
import type { DemoStep } from '../step.js';
import type { Route } from './names.js';

/** Encrypts the VM of a route through its vCenter, and shows that nothing of its disk can be read any longer. */
export function encryptStep({ vm: name, provider, kind }: Route): DemoStep {
  return {
    id: `encrypt:${provider}`,
    title: `Encrypt ${name} with the ${kind} provider ${provider}; no plaintext is left in its files`,
    expected: ACCEPTED,
    needs: [`make:${name}`],
    run: async (context, note) => {
      const vm = context.vm(name);
      await encryptVm(vm.vcenter, (await vm.reference()).value, provider);
      const { keyId, disks } = await vm.info();
      prove(keyId?.providerId?.id === provider, `${name} has no key of ${provider}.`);
      prove(
        disks.every(({ encrypted }) => encrypted),
        `${name} has a disk that is not encrypted.`,
      );
      const { found, firstOffset, scannedBytes, files } = await vm.scanAtRest();
      prove(
        found === 0,
        `${found} blocks of plaintext are still at rest, the first at byte ${firstOffset ?? 0}.`,
      );
      note({ keyId: keyId?.keyId ?? '', files: files.length, scannedBytes, foundAtRest: found });
    },
  };
}
