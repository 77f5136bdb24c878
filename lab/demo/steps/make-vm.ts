import { join } from 'node:path';

import type { VmSource } from '../../configure/vms.js';
import { importVm } from '../../configure/vms.js';
import type { LabHost } from '../../services/host.js';
import type { DemoContext } from '../context.js';
import { GuestVm } from '../guest-vm.js';
import { writeSampleDisk } from '../sample-disk.js';
import { ACCEPTED, notProved, prove } from '../step.js';
import type { DemoStep } from '../step.js';
import type { Route } from './names.js';

const DATASTORE = 'datastore1';
const MEMORY_MIB = 4;
const DEFAULT_DISK_MIB = 6;

/** Makes the VM of a route, or takes up the user's own, and shows that the scan finds its plaintext as it is now. */
export function makeVmStep({ vm, from }: Route): DemoStep {
  return {
    id: `make:${vm}`,
    title: `Make ${vm} on ${from}; its disk can be read in its files`,
    expected: ACCEPTED,
    needs: ['start'],
    run: async (context, note) => {
      const made = await makeVm(context, context.lab.host(from), vm);
      const { found, scannedBytes } = await made.scanAtRest();
      prove(
        found >= made.tellingBlocks,
        `The scan finds ${found} of the ${made.tellingBlocks} blocks that are there.`,
      );
      note({ blocks: made.tellingBlocks, foundAtRest: found, scannedBytes });
    },
  };
}

/** Makes a VM on a host: from the user's directory or image, or with a made-up disk. */
export async function makeVm(
  context: DemoContext,
  host: LabHost,
  name: string,
  diskSizeMiB = context.options.diskSizeMiB ?? DEFAULT_DISK_MIB,
): Promise<GuestVm> {
  const { vmDirectory: directory, diskImage } = context.options;
  const source: VmSource =
    directory === undefined
      ? { image: diskImage ?? (await sampleDisk(context, name, diskSizeMiB)), name, memory_MiB: MEMORY_MIB }
      : { directory, name };
  await importVm(context.lab.vcenter(host.vcenter), host.name, DATASTORE, source);
  const client = await host.client();
  const info = (await client.listVms()).find((vm) => vm.name === name);
  if (!info) throw notProved(`${host.name} does not have the VM ${name} that was imported.`);
  const made = await GuestVm.of(context.lab, host, info);
  context.vms.set(name, made);
  return made;
}

async function sampleDisk({ workDir }: DemoContext, name: string, sizeMiB: number): Promise<string> {
  const path = join(workDir, `${name}.img`);
  await writeSampleDisk(path, name, sizeMiB);
  return path;
}
