import { join, resolve } from 'node:path';

import type { VmInfo } from '../../../host-agent/index.js';
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
      context.vms.set(vm, made);
      const { found, scannedBytes } = await made.scanAtRest();
      prove(made.tellingBlocks > 0, `The disks of ${vm} hold nothing that could be told from noise.`);
      prove(
        found >= made.tellingBlocks,
        `The scan finds ${found} of the ${made.tellingBlocks} blocks that are there.`,
      );
      note({ blocks: made.tellingBlocks, foundAtRest: found, scannedBytes });
    },
  };
}

/** Makes a VM on a host, from the user's directory or image or with a made-up disk, and reads what is on it. */
export async function makeVm(context: DemoContext, host: LabHost, name: string): Promise<GuestVm> {
  const { vmDirectory: directory, diskImage, diskSizeMiB = DEFAULT_DISK_MIB } = context.options;
  // Host agents take absolute paths only: theirs is another working directory than the user's.
  const source: VmSource =
    directory === undefined
      ? {
          image: resolve(diskImage ?? (await sampleDisk(context, name, diskSizeMiB))),
          name,
          memory_MiB: MEMORY_MIB,
        }
      : { directory: resolve(directory), name };
  return GuestVm.of(context.lab, host, await imported(context, host, source));
}

/** Makes a VM with a small made-up disk; of its contents something is to be proved only if they are `read`. */
export async function makeSpareVm(
  context: DemoContext,
  host: LabHost,
  name: string,
  contents: 'read' | 'unread' = 'unread',
): Promise<GuestVm> {
  const image = await sampleDisk(context, name, 1);
  const info = await imported(context, host, { image, name, memory_MiB: MEMORY_MIB });
  return contents === 'read' ? GuestVm.of(context.lab, host, info) : GuestVm.bare(context.lab, host, info);
}

async function imported(context: DemoContext, host: LabHost, source: VmSource): Promise<VmInfo> {
  await importVm(context.lab.vcenter(host.vcenter), host.name, DATASTORE, source);
  const found = (await (await host.client()).listVms()).find(({ name }) => name === source.name);
  if (found) return found;
  throw notProved(`${host.name} does not have the VM ${source.name} that was imported.`);
}

async function sampleDisk({ workDir }: DemoContext, name: string, sizeMiB: number): Promise<string> {
  const path = join(workDir, `${name}.img`);
  await writeSampleDisk(path, name, sizeMiB);
  return path;
}
