import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A directory with a VM of one flat disk, as a user may hand it to the demo. */
export async function makeVmFolder(parent: string, disk: Buffer): Promise<string> {
  const folder = await mkdtemp(join(parent, 'vm-'));
  const descriptor = [
    '# Disk DescriptorFile',
    'version=1',
    'CID=0a1b2c3d',
    'parentCID=ffffffff',
    'createType="monolithicFlat"',
    `RW ${disk.length / 512} FLAT "mine-flat.vmdk" 0`,
    '',
  ];
  await writeFile(join(folder, 'mine.vmx'), 'displayName = "mine"\nscsi0:0.fileName = "mine.vmdk"\n');
  await writeFile(join(folder, 'mine.vmdk'), descriptor.join('\n'));
  await writeFile(join(folder, 'mine-flat.vmdk'), disk);
  return folder;
}
