import { createHash } from 'node:crypto';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  allFiles,
  filesWith,
  markedImage,
  MARKER,
  newKek,
  openStore,
  resolverOf,
  temporaryFolder,
} from './lab.js';

const FIRST_DISK = 2000;
const SECTORS = 4096;
const flat = markedImage(SECTORS * 512);

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function descriptorText(extents: string, createType = 'monolithicFlat'): string {
  return [
    '# Disk DescriptorFile',
    'version=1',
    'CID=0a1b2c3d',
    'parentCID=ffffffff',
    `createType="${createType}"`,
    extents,
    'ddb.adapterType = "lsilogic"',
    '',
  ].join('\n');
}

/** A folder as another product leaves it: .vmx, descriptor and flat file. */
async function foreignVm(
  changes: { vmx?: string; descriptor?: string; noFlat?: boolean } = {},
): Promise<string> {
  const folder = join(await temporaryFolder(), 'foreign');
  await mkdir(folder);
  const vmx =
    changes.vmx ?? 'displayName = "legacy"\nscsi0:0.fileName = "legacy.vmdk"\nguestinfo.kept = "yes"\n';
  await writeFile(join(folder, 'legacy.vmx'), vmx);
  const descriptor = changes.descriptor ?? descriptorText(`RW ${SECTORS} FLAT "legacy-flat.vmdk" 0`);
  await writeFile(join(folder, 'legacy.vmdk'), descriptor);
  if (changes.noFlat !== true) await writeFile(join(folder, 'legacy-flat.vmdk'), flat);
  return folder;
}

describe('importing a VM', () => {
  it('copies disks as they are and keeps what it does not know of the configuration', async () => {
    const store = await openStore(await temporaryFolder());
    const vm = await store.importVm(await foreignVm(), { datastore: 'ds2' });
    expect(vm.info()).toMatchObject({ name: 'legacy', datastore: 'ds2', vmxPath: '[ds2] legacy/legacy.vmx' });
    expect(vm.files.config.get('guestinfo.kept')).toBe('yes');
    await vm.powerOn();
    expect(await vm.guest?.diskDigestHex(FIRST_DISK)).toBe(sha256(flat));
  });

  it('takes neither drives for removable media nor absent devices for disks', async () => {
    const vmx = [
      'ide1:0.fileName = "tools.iso"',
      'ide1:0.deviceType = "cdrom-image"',
      'scsi0:1.fileName = "gone.raw"',
      'scsi0:1.present = "FALSE"',
      'scsi0:0.fileName = "legacy.vmdk"',
    ];
    const store = await openStore(await temporaryFolder());
    const vm = await store.importVm(await foreignVm({ vmx: `${vmx.join('\n')}\n` }));
    expect(vm.info().disks.map((disk) => disk.key)).toEqual([FIRST_DISK]);
  });

  it('joins the extents of a split disk, holes included', async () => {
    const extents = [
      'RW 1024 FLAT "legacy-flat.vmdk" 8',
      'RW 64 ZERO',
      'RW 512 FLAT "legacy-flat.vmdk" 2048',
    ].join('\n');
    const store = await openStore(await temporaryFolder());
    const vm = await store.importVm(
      await foreignVm({ descriptor: descriptorText(extents, 'twoGbMaxExtentFlat') }),
    );
    const expected = Buffer.concat([
      flat.subarray(8 * 512, (8 + 1024) * 512),
      Buffer.alloc(64 * 512),
      flat.subarray(2048 * 512, (2048 + 512) * 512),
    ]);
    await vm.powerOn();
    expect(await vm.guest?.diskDigestHex(FIRST_DISK)).toBe(sha256(expected));
  });

  it('keeps an encrypted VM encrypted, and openable with its key', async () => {
    const [root, other] = [await temporaryFolder(), await temporaryFolder()];
    const store = await openStore(root);
    const vm = await store.importVm(await foreignVm());
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    const copy = await (await openStore(other)).importVm(vm.files.directory, { name: 'copy' });
    expect(copy.info()).toMatchObject({ cryptoState: 'locked', keyId: kek.id });
    expect(await filesWith(other, MARKER)).toEqual([]);
    await copy.powerOn(resolverOf(kek));
    expect(await copy.guest?.diskDigestHex(FIRST_DISK)).toBe(sha256(flat));
  });

  it.each([
    ['a disk above the folder', { vmx: 'scsi0:0.fileName = "../legacy.vmdk"\n' }, /plain file name/],
    ['an absolute disk', { vmx: 'scsi0:0.fileName = "/etc/passwd.vmdk"\n' }, /plain file name/],
    ['an nvram above the folder', { vmx: 'nvram = "../../secret"\n' }, /plain file name/],
    ['an extent above the folder', { descriptor: descriptorText('RW 8 FLAT "../x" 0') }, /plain file name/],
    ['a missing extent', { noFlat: true }, /legacy-flat.vmdk.*is not there/],
    ['a short extent', { descriptor: descriptorText('RW 999999 FLAT "legacy-flat.vmdk" 0') }, /shorter/],
    ['a suspended VM', { vmx: 'checkpoint.vmState = "x.vmss"\n' }, /suspended/],
    ['a broken .vmx', { vmx: 'a\n' }, /line 1/],
    ['a disk that is no .vmdk', { vmx: 'scsi0:0.fileName = "legacy.raw"\n' }, /scsi0:0 .*no \.vmdk/],
    ['a unit beyond its bus', { vmx: 'ide0:2.fileName = "legacy.vmdk"\n' }, /ide0:2 does not exist/],
  ])('refuses %s and leaves nothing behind', async (_what, changes, message) => {
    const root = await temporaryFolder();
    const store = await openStore(root);
    await expect(store.importVm(await foreignVm(changes))).rejects.toThrow(message);
    expect(store.list()).toEqual([]);
    expect([...(await allFiles(root)).keys()]).toEqual([]);
  });

  it('says that a folder cannot be read as an error of the caller, not of a datastore', async () => {
    const store = await openStore(await temporaryFolder());
    await expect(store.importVm('/no/such/folder')).rejects.toMatchObject({
      code: 'file_invalid',
      message: expect.stringContaining('ENOENT') as string,
    });
  });

  it('follows no link, neither of a disk nor of a descriptor nor of the .vmx file', async () => {
    for (const name of ['legacy-flat.vmdk', 'legacy.vmdk', 'legacy.vmx']) {
      const [real, linked] = [await foreignVm(), await temporaryFolder()];
      for (const file of await readdir(real)) {
        if (file === name) await symlink(join(real, file), join(linked, file));
        else await writeFile(join(linked, file), (await allFiles(real)).get(join(real, file))!);
      }
      const store = await openStore(await temporaryFolder());
      await expect(store.importVm(linked)).rejects.toMatchObject({ code: 'file_invalid' });
    }
  });

  it('takes the id of the VM over only if it is free', async () => {
    const folder = await foreignVm({ vmx: 'vc.uuid = "50 2e 11 11 11 11 11 11-22 22 22 22 22 22 22 22"\n' });
    const store = await openStore(await temporaryFolder());
    const id = '502e1111-1111-1111-2222-222222222222';
    expect((await store.importVm(folder, { name: 'one' })).id).toBe(id);
    expect((await store.importVm(folder, { name: 'two' })).id).not.toBe(id);
  });
});

describe('VmStore', () => {
  it('finds its VMs again after a restart', async () => {
    const root = await temporaryFolder();
    const vm = await (
      await openStore(root)
    ).createVm({ name: 'kept', disks: [{ capacityBytes: 1024 * 512 }], memoryMiB: 64 });
    const again = (await openStore(root)).get(vm.id);
    expect(again.info()).toEqual(vm.info());
    expect(again.info()).toMatchObject({ name: 'kept', memoryMiB: 64, migrateEncryption: 'opportunistic' });
  });

  it('gives hostile and equal names folders of their own inside the datastore', async () => {
    const root = await temporaryFolder();
    const store = await openStore(root);
    const names = ['../../up', '.hidden', 'a/b', 'same', 'same', 'ünï 語', '...'];
    for (const name of names) await store.createVm({ name });
    expect(store.list().map((vm) => vm.name)).toEqual(names);
    const folders = await readdir(join(root, 'ds1'));
    expect(folders).toHaveLength(names.length);
    expect(folders.every((folder) => /^[A-Za-z0-9_][A-Za-z0-9 ._-]*$/.test(folder))).toBe(true);
    await expect(store.createVm({ name: 'a\nb' })).rejects.toMatchObject({ code: 'invalid_argument' });
    await expect(store.createVm({ name: ' ' })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('rounds a raw image up to whole sectors', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'image'), Buffer.alloc(1000, 7));
    const vm = await (await openStore(root)).createVmFromRaw({ name: 'odd', image: join(root, 'image') });
    await vm.powerOn();
    const expected = Buffer.concat([Buffer.alloc(1000, 7), Buffer.alloc(24)]);
    expect((await vm.guest?.diskRead(FIRST_DISK, 0, 1024))?.equals(expected)).toBe(true);
  });

  it('clones a running encrypted VM: new id, same key, same content', async () => {
    const root = await temporaryFolder();
    const store = await openStore(root);
    const vm = await store.importVm(await foreignVm());
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    await vm.guest?.diskWrite(FIRST_DISK, 0, Buffer.alloc(512, 9));
    const clone = await store.cloneVm(vm.id, { name: 'clone', datastore: 'ds2' });
    expect(clone.id).not.toBe(vm.id);
    expect(clone.requiredKeys).toEqual([kek.id]);
    expect(await filesWith(root, MARKER)).toEqual([]);
    await clone.powerOn(resolverOf(kek));
    expect(await clone.guest?.diskDigestHex(FIRST_DISK)).toBe(await vm.guest?.diskDigestHex(FIRST_DISK));
    await clone.guest?.diskWrite(FIRST_DISK, 0, Buffer.alloc(512, 1));
    expect((await vm.guest?.diskRead(FIRST_DISK, 0, 512))?.equals(Buffer.alloc(512, 9))).toBe(true);
  });

  it('moves a VM to another datastore, and removes one without leaving a file', async () => {
    const root = await temporaryFolder();
    const store = await openStore(root);
    const vm = await store.importVm(await foreignVm());
    await store.moveVm(vm.id, 'ds2');
    expect(vm.info().datastore).toBe('ds2');
    expect([...(await allFiles(join(root, 'ds1'))).keys()]).toEqual([]);
    await vm.powerOn();
    await expect(store.moveVm(vm.id, 'ds1')).rejects.toMatchObject({ code: 'invalid_power_state' });
    await expect(store.destroyVm(vm.id)).rejects.toMatchObject({ code: 'invalid_power_state' });
    await vm.powerOff();
    await expect(store.moveVm(vm.id, 'nowhere')).rejects.toMatchObject({ code: 'datastore_not_found' });
    await store.destroyVm(vm.id);
    expect([...(await allFiles(root)).keys()]).toEqual([]);
    expect(() => store.get(vm.id)).toThrow(expect.objectContaining({ code: 'vm_not_found' }) as Error);
  });

  it('leaves a folder that it cannot load alone, says so, and loads the others', async () => {
    const root = await temporaryFolder();
    const vm = await (await openStore(root)).createVm({ name: 'good' });
    await mkdir(join(root, 'ds1', 'bad'));
    await writeFile(join(root, 'ds1', 'bad', 'bad.vmx'), 'scsi0:0.fileName = "gone.vmdk"\n');
    const unusable: string[] = [];
    const store = await openStore(root, { onUnusable: (directory) => unusable.push(directory) });
    expect(store.list().map(({ id }) => id)).toEqual([vm.id]);
    expect(unusable).toEqual([join(root, 'ds1', 'bad')]);
    expect(await readdir(join(root, 'ds1', 'bad'))).toEqual(['bad.vmx']);
  });

  it('refuses disks and memory out of range', async () => {
    const store = await openStore(await temporaryFolder());
    const invalid = { code: 'invalid_argument' };
    await expect(store.createVm({ name: 'a', disks: [{ capacityBytes: 100 }] })).rejects.toMatchObject(
      invalid,
    );
    await expect(store.createVm({ name: 'a', disks: [{ capacityBytes: 2 ** 60 }] })).rejects.toMatchObject(
      invalid,
    );
    await expect(store.createVm({ name: 'a', memoryMiB: 0 })).rejects.toMatchObject(invalid);
    const many = Array.from({ length: 16 }, () => ({ capacityBytes: 512 }));
    await expect(store.createVm({ name: 'a', disks: many })).rejects.toMatchObject(invalid);
    const vm = await store.createVm({ name: 'a', disks: many.slice(1) });
    expect(vm.info().disks.map(({ key }) => key)).not.toContain(2007);
    expect(vm.info().disks).toHaveLength(15);
  });
});
