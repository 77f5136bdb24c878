import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  filesWith,
  markedImage,
  MARKER,
  newKek,
  openStore,
  resolverOf,
  temporaryFolder,
} from '../host-agent/vm/lab.js';
import { describeWith, runs } from './requires.js';

const QEMU_IMG = {
  name: 'qemu-img',
  found: runs('qemu-img', '--version'),
  install: 'apt-get install qemu-utils',
};

const IMAGE_BYTES = 5 * 1024 * 1024;

function qemuImg(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8', timeout: 20_000 });
}

describeWith(QEMU_IMG, 'disks of qemu-img and kpsim', () => {
  it.each(['monolithicFlat', 'twoGbMaxExtentFlat'])(
    'a %s disk of qemu-img imports with equal content',
    async (subformat) => {
      const root = await temporaryFolder();
      const image = markedImage(IMAGE_BYTES);
      await writeFile(join(root, 'image.raw'), image);
      const folder = join(root, 'foreign');
      await mkdir(folder);
      qemuImg(
        'convert',
        '-O',
        'vmdk',
        '-o',
        `subformat=${subformat}`,
        join(root, 'image.raw'),
        join(folder, 'disk.vmdk'),
      );
      await writeFile(join(folder, 'vm.vmx'), 'scsi0:0.fileName = "disk.vmdk"\n');

      const vm = await (await openStore(join(root, 'store'))).importVm(folder);
      const [disk] = vm.files.disks;
      expect((await readFile(vm.files.path(disk!.flatName))).equals(image)).toBe(true);
    },
  );

  it('qemu-img reads our disk: plain as it was, encrypted as noise, decrypted as it was again', async () => {
    const root = await temporaryFolder();
    const image = join(root, 'image.raw');
    await writeFile(image, markedImage(IMAGE_BYTES));
    const vm = await (await openStore(join(root, 'store'))).createVmFromRaw({ name: 'app', image });
    const descriptor = vm.files.path(vm.files.disks[0]!.fileName);
    const compare = (): string => qemuImg('compare', '-f', 'raw', '-F', 'vmdk', image, descriptor);
    const info = (): unknown => JSON.parse(qemuImg('info', '--output=json', '-f', 'vmdk', descriptor));

    expect(compare()).toMatch(/Images are identical/);
    expect(info()).toMatchObject({ 'virtual-size': IMAGE_BYTES });

    const kek = newKek('key-1');
    await vm.encrypt(kek);
    expect(compare).toThrow(
      expect.objectContaining({ status: 1, stdout: expect.stringMatching(/mismatch/) as string }) as Error,
    );
    expect(info()).toMatchObject({ 'virtual-size': IMAGE_BYTES });
    const exported = join(root, 'exported.raw');
    qemuImg('convert', '-f', 'vmdk', '-O', 'raw', descriptor, exported);
    expect(await filesWith(join(root, 'store'), MARKER)).toEqual([]);
    expect((await readFile(exported)).includes(MARKER)).toBe(false);

    await vm.decrypt(resolverOf(kek));
    expect(compare()).toMatch(/Images are identical/);
  });

  it('qemu-img makes a sparse disk, which is refused with the command that converts it', async () => {
    const root = await temporaryFolder();
    const folder = join(root, 'foreign');
    await mkdir(folder);
    qemuImg('create', '-f', 'vmdk', join(folder, 'disk.vmdk'), '8M');
    await writeFile(join(folder, 'vm.vmx'), 'scsi0:0.fileName = "disk.vmdk"\n');
    await expect((await openStore(join(root, 'store'))).importVm(folder)).rejects.toThrow(
      /qemu-img convert -O vmdk -o subformat=monolithicFlat/,
    );
  });
});
