import { createHash, randomBytes } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { VirtualMachine, VmStore } from '../../../host-agent/vm/index.js';
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

const IMAGE_BYTES = 3 * 1024 * 1024 + 512;
const DISK = 2000;

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function vmFromImage(
  root: string,
  image = markedImage(IMAGE_BYTES),
): Promise<{ store: VmStore; vm: VirtualMachine; image: Buffer }> {
  const path = join(root, 'image.raw');
  await writeFile(path, image);
  const store = await openStore(root);
  return { store, image, vm: await store.createVmFromRaw({ name: 'web 01', image: path, memoryMiB: 8 }) };
}

describe('VirtualMachine', () => {
  it('gives a guest the disk it was created from, before and after encryption', async () => {
    const { vm, image } = await vmFromImage(await temporaryFolder());
    const kek = newKek('key-1');
    await vm.powerOn();
    expect((await vm.guest?.diskRead(DISK, 1024, 4096))?.equals(image.subarray(1024, 5120))).toBe(true);
    await vm.powerOff();

    await vm.encrypt(kek);
    expect(vm.info()).toMatchObject({
      cryptoState: 'unlocked',
      keyId: kek.id,
      migrateEncryption: 'required',
    });
    expect(vm.info().disks).toMatchObject([
      { key: DISK, encrypted: true, keyId: kek.id, capacityBytes: image.length },
    ]);

    await vm.powerOn(resolverOf(kek));
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
  });

  it('leaves no plaintext in any file of an encrypted VM, whatever it goes through', async () => {
    const root = await temporaryFolder();
    const { vm } = await vmFromImage(root);
    const [first, second] = [newKek('key-1'), newKek('key-2')];
    const keys = resolverOf(first, second);
    await vm.writeNvram(Buffer.concat([MARKER, randomBytes(100)]));
    expect(await filesWith(join(root, 'ds1'), MARKER)).not.toEqual([]);

    await vm.encrypt(first);
    expect(await filesWith(join(root, 'ds1'), MARKER)).toEqual([]);
    await vm.powerOn(keys);
    await vm.guest?.diskWrite(DISK, 512, Buffer.concat([MARKER, Buffer.alloc(512 - MARKER.length)]));
    await vm.guest?.memoryWrite(0, MARKER);
    await vm.suspend();
    expect(vm.powerState).toBe('suspended');
    expect(await filesWith(join(root, 'ds1'), MARKER)).toEqual([]);
    await vm.powerOn(keys);
    expect((await vm.guest?.memoryRead(0, MARKER.length))?.equals(MARKER)).toBe(true);
    await vm.powerOff();
    await vm.shallowRecrypt(keys, second);
    await vm.deepRecrypt(keys, first);
    expect(await filesWith(join(root, 'ds1'), MARKER)).toEqual([]);
    expect((await vm.readNvram(keys)).subarray(0, MARKER.length).equals(MARKER)).toBe(true);
  });

  it('keeps every file private to its owner', async () => {
    const root = await temporaryFolder();
    const { vm } = await vmFromImage(root);
    await vm.encrypt(newKek('key-1'));
    for (const path of (await allFiles(join(root, 'ds1'))).keys())
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(vm.files.directory)).mode & 0o777).toBe(0o700);
  });

  it('changes only wrapped keys in a shallow recrypt, and every sector in a deep one', async () => {
    const { vm, image } = await vmFromImage(await temporaryFolder());
    const [first, second, third] = [newKek('key-1'), newKek('key-2'), newKek('key-3')];
    await vm.encrypt(first);
    const flat = async (): Promise<Buffer> => {
      const content = (await allFiles(vm.files.directory)).get(vm.files.path(vm.files.disks[0]!.flatName));
      return content!;
    };
    const before = await flat();

    await vm.shallowRecrypt(resolverOf(first), second);
    expect((await flat()).equals(before)).toBe(true);
    expect(vm.requiredKeys).toEqual([second.id]);

    await vm.deepRecrypt(resolverOf(second), third);
    const after = await flat();
    for (let at = 0; at < after.length; at += 512) {
      expect(after.subarray(at, at + 512).equals(before.subarray(at, at + 512))).toBe(false);
    }
    await vm.powerOn(resolverOf(third));
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
  });

  it('recrypts shallowly while the guest runs', async () => {
    const { vm, image } = await vmFromImage(await temporaryFolder());
    const [first, second] = [newKek('key-1'), newKek('key-2')];
    await vm.encrypt(first);
    await vm.powerOn(resolverOf(first));
    await vm.shallowRecrypt(resolverOf(first), second);
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
    await vm.powerOff();
    await vm.powerOn(resolverOf(second));
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
  });

  it('records the encrypted vMotion setting when encrypted, and stays required when decrypted (MODE-4)', async () => {
    const { vm, image } = await vmFromImage(await temporaryFolder());
    const kek = newKek('key-1');
    await vm.setMigrateEncryption('disabled');
    await vm.encrypt(kek);
    expect(vm.info()).toMatchObject({ migrateEncryption: 'required', recordedMigrateEncryption: 'disabled' });
    await expect(vm.setMigrateEncryption('opportunistic')).rejects.toMatchObject({ code: 'vm_encrypted' });
    await vm.decrypt(resolverOf(kek));
    expect(vm.info()).toMatchObject({ migrateEncryption: 'required', recordedMigrateEncryption: 'disabled' });
    expect(vm.encrypted).toBe(false);
    await vm.setMigrateEncryption('opportunistic');
    expect(vm.info()).toMatchObject({ migrateEncryption: 'opportunistic' });
    expect(vm.info().recordedMigrateEncryption).toBeUndefined();
    await vm.powerOn();
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
  });

  it('encrypts and decrypts chosen disks while the rest stay as they are', async () => {
    const root = await temporaryFolder();
    const store = await openStore(root);
    const vm = await store.createVm({
      name: 'two',
      disks: [{ capacityBytes: 65_536 }, { capacityBytes: 131_072 }],
    });
    const kek = newKek('key-1');
    await vm.encrypt(kek, [2001]);
    expect(vm.info().disks.map(({ encrypted }) => encrypted)).toEqual([false, true]);
    await vm.encrypt(kek, 'all');
    await vm.decrypt(resolverOf(kek), [2001]);
    expect(vm.info().disks.map(({ encrypted }) => encrypted)).toEqual([true, false]);
    expect(vm.encrypted).toBe(true);
    await expect(vm.decrypt(resolverOf(kek), [2001])).rejects.toMatchObject({ code: 'vm_not_encrypted' });
    await expect(vm.encrypt(newKek('other'), [2001])).rejects.toMatchObject({ code: 'wrong_key' });
    await expect(vm.encrypt(kek, [4711])).rejects.toMatchObject({ code: 'disk_not_found' });
  });

  it('says which key was wrong, and passes on why a key could not be had', async () => {
    const { vm } = await vmFromImage(await temporaryFolder());
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    const wrong = { ...newKek('key-1') };
    await expect(vm.powerOn(resolverOf(wrong))).rejects.toMatchObject({ code: 'wrong_key', keyId: kek.id });
    await expect(vm.powerOn(resolverOf())).rejects.toThrow('no key key-1');
    expect(vm.powerState).toBe('poweredOff');
    await vm.powerOn(resolverOf(kek));
  });

  it('starts locked after its host restarts, until its key opens it', async () => {
    const root = await temporaryFolder();
    const { store, vm } = await vmFromImage(root);
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await store.stopAll();
    const again = (await openStore(root)).get(vm.id);
    expect(again.info().cryptoState).toBe('locked');
    await expect(again.unlock(resolverOf(newKek('key-1')))).rejects.toMatchObject({ code: 'wrong_key' });
    expect(again.info().cryptoState).toBe('locked');
    await again.unlock(resolverOf(kek));
    expect(again.info().cryptoState).toBe('unlocked');
  });

  it('zeroises guest memory and keys when powered off', async () => {
    const { vm } = await vmFromImage(await temporaryFolder());
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    const guest = vm.guest!;
    expect(guest.memory.includes(MARKER)).toBe(true);
    await vm.powerOff();
    expect(guest.memory.every((byte) => byte === 0)).toBe(true);
    expect(guest.dataFileKey?.every((byte) => byte === 0)).toBe(true);
    await expect(guest.diskRead(DISK, 0, 512)).rejects.toMatchObject({ code: 'invalid_power_state' });
  });

  it('boots the guest anew when it is reset, without asking for keys', async () => {
    const { vm } = await vmFromImage(await temporaryFolder());
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    const booted = await vm.guest?.memoryDigestHex();
    await vm.guest?.memoryWrite(0, MARKER);
    await vm.reset();
    expect(await vm.guest?.memoryDigestHex()).toBe(booted);
    await vm.powerOff();
    await expect(vm.reset()).rejects.toMatchObject({ code: 'invalid_power_state' });
  });

  it('forgets the saved memory when a suspended VM is powered off', async () => {
    const root = await temporaryFolder();
    const { vm } = await vmFromImage(root);
    await vm.powerOn();
    await vm.guest?.memoryWrite(0, MARKER);
    await vm.suspend();
    await vm.powerOff();
    expect(vm.powerState).toBe('poweredOff');
    const files = [...(await allFiles(join(root, 'ds1'))).keys()];
    expect(files.filter((name) => name.endsWith('.vmss'))).toEqual([]);
    await vm.powerOn();
    expect((await vm.guest?.memoryRead(0, MARKER.length))?.equals(MARKER)).toBe(false);
  });

  it('refuses what does not suit its power state', async () => {
    const { vm } = await vmFromImage(await temporaryFolder());
    await expect(vm.powerOff()).rejects.toMatchObject({ code: 'invalid_power_state' });
    await vm.powerOn();
    await expect(vm.powerOn()).rejects.toMatchObject({ code: 'invalid_power_state' });
    await expect(vm.encrypt(newKek('key-1'))).rejects.toMatchObject({ code: 'invalid_power_state' });
    await vm.suspend();
    await expect(vm.encrypt(newKek('key-1'))).rejects.toMatchObject({ code: 'invalid_power_state' });
  });

  it('refuses guest input and output that is unaligned, too long or outside', async () => {
    const { vm, image } = await vmFromImage(await temporaryFolder());
    await vm.powerOn();
    const guest = vm.guest!;
    const invalid = { code: 'invalid_argument' };
    await expect(guest.diskRead(DISK, 1, 512)).rejects.toMatchObject(invalid);
    await expect(guest.diskRead(DISK, 0, 2 * 1024 * 1024)).rejects.toMatchObject(invalid);
    await expect(guest.diskRead(DISK, image.length, 512)).rejects.toMatchObject(invalid);
    await expect(guest.diskWrite(DISK, -512, Buffer.alloc(512))).rejects.toMatchObject(invalid);
    await expect(guest.diskWrite(1, 0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'disk_not_found' });
    await expect(guest.memoryRead(guest.memory.length - 1, 2)).rejects.toMatchObject(invalid);
    await expect(guest.memoryWrite(Number.NaN, Buffer.alloc(1))).rejects.toMatchObject(invalid);
  });

  it('lets nothing but guest input and output happen while a migration holds it', async () => {
    const { vm, store } = await vmFromImage(await temporaryFolder());
    await vm.powerOn();
    vm.hold('migration-1');
    const held = { code: 'migration_in_progress' };
    await expect(vm.powerOff()).rejects.toMatchObject(held);
    await expect(store.destroyVm(vm.id)).rejects.toMatchObject(held);
    expect(() => vm.hold('migration-2')).toThrow(/migration-1/);
    expect((await vm.guest?.diskRead(DISK, 0, 512))?.length).toBe(512);
    vm.release('migration-1');
    await vm.powerOff();
  });
});
