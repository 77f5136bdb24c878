import { ACCEPTED, prove } from '../step.js';
import type { DemoStep } from '../step.js';
import { relocate } from '../relocate.js';
import type { Route } from './names.js';

/**
 * Migrates the running VM of a route to the other vCenter, with a tap on the wire, and shows that nothing of its
 * disk was to be seen there, that it is in the west alone, and that guest and disk are the same.
 */
export function migrateStep({ vm: name, provider, to }: Route): DemoStep {
  return {
    id: `migrate:${provider}`,
    title: `Migrate ${name}, running, to ${to} in the west; no plaintext crosses the wire`,
    expected: ACCEPTED,
    needs: [`power-on:${provider}`],
    run: async (context, note) => {
      const vm = context.vm(name);
      const source = vm.host;
      const target = context.lab.host(to);
      const memory = await (await source.client()).guestMemoryDigest(vm.uuid);
      const tap = context.tap(to);
      tap.watchFor(vm.disks.map(({ index }) => index));
      await relocate(vm, { vcenter: context.lab.vcenter(target.vcenter), host: target });

      const { found, scannedBytes } = tap.result();
      prove(found === 0, `${found} blocks of plaintext crossed the wire.`);
      const least = vm.disks.reduce((sum, disk) => sum + disk.index.blocks, 0) * 16;
      prove(
        scannedBytes >= least,
        `Only ${scannedBytes} bytes were seen on the wire; the disk did not go that way.`,
      );
      const left = await (await source.client()).listVms();
      prove(!left.some(({ id }) => id === vm.uuid), `${source.name} has kept ${name}.`);
      const { powerState } = await vm.info();
      prove(powerState === 'poweredOn', `${name} does not run at ${to}.`);
      const arrived = await (await target.client()).guestMemoryDigest(vm.uuid);
      prove(arrived === memory, `The memory of ${name} is not what it was.`);
      note({ wireBytes: scannedBytes, foundOnWire: found, sha256: await vm.proveContents(), memory });
    },
  };
}
