import { createHash } from 'node:crypto';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { VirtualMachine, VmStore } from '../../../host-agent/vm/index.js';
import { failingFiles } from './failing-files.js';
import {
  allFiles,
  filesWith,
  forEachUpTo,
  markedImage,
  MARKER,
  newKek,
  openStore,
  resolverOf,
  temporaryFolder,
} from './lab.js';

const image = markedImage(64 * 1024);
const imageDigest = createHash('sha256').update(image).digest('hex');
const [first, second] = [newKek('key-1'), newKek('key-2')];
const keys = resolverOf(first, second);

/** What may happen to a VM, each an operation that must succeed wholly or leave everything as it was. */
const OPERATIONS = {
  encrypt: { encryptedBefore: false, run: (vm: VirtualMachine) => vm.encrypt(first) },
  decrypt: { encryptedBefore: true, run: (vm: VirtualMachine) => vm.decrypt(keys) },
  shallowRecrypt: { encryptedBefore: true, run: (vm: VirtualMachine) => vm.shallowRecrypt(keys, second) },
  deepRecrypt: { encryptedBefore: true, run: (vm: VirtualMachine) => vm.deepRecrypt(keys, second) },
  moveVm: { encryptedBefore: true, run: (vm: VirtualMachine, store: VmStore) => store.moveVm(vm.id, 'ds2') },
} as const;

/** A folder with one VM, from which every case starts. */
async function prepare(encrypted: boolean): Promise<{ root: string; id: string }> {
  const root = await temporaryFolder();
  await writeFile(join(root, 'image.raw'), image);
  const store = await openStore(join(root, 'before'));
  const vm = await store.createVmFromRaw({ name: 'vm', image: join(root, 'image.raw'), memoryMiB: 4 });
  await vm.writeNvram(MARKER);
  if (encrypted) await vm.encrypt(first);
  return { root, id: vm.id };
}

async function requireIntact(root: string, id: string): Promise<VirtualMachine> {
  const store = await openStore(root);
  expect(store.list().map((vm) => vm.id)).toEqual([id]);
  const vm = store.get(id);
  if (vm.encrypted) expect(await filesWith(root, MARKER)).toEqual([]);
  expect((await vm.readNvram(keys)).equals(MARKER)).toBe(true);
  await vm.powerOn(keys);
  expect(await vm.guest?.diskDigestHex(2000)).toBe(imageDigest);
  await vm.powerOff();
  const leftovers = [...(await allFiles(root)).keys()].filter((path) =>
    /staged|scrub|commit|partial|trash/.test(path),
  );
  expect(leftovers).toEqual([]);
  return vm;
}

describe.each(Object.entries(OPERATIONS))('a VM during %s', (_name, { encryptedBefore, run }) => {
  it('survives a crash at every change to the disk, whole and with no plaintext left behind', async () => {
    const { root, id } = await prepare(encryptedBefore);
    const attempt = async (crashAt: number): Promise<number> => {
      const copy = join(root, `crash-${crashAt}`);
      await cp(join(root, 'before'), copy, { recursive: true });
      const { fileSystem, count } = failingFiles(crashAt, 'EIO');
      const store = await openStore(copy, { fileSystem }).catch(() => undefined);
      if (store) await run(store.get(id), store).catch(() => undefined);
      await requireIntact(copy, id);
      return count();
    };
    const changes = await attempt(Number.MAX_SAFE_INTEGER);
    expect(changes).toBeGreaterThan(8);
    await forEachUpTo(changes, async (crashAt) => {
      expect(await attempt(crashAt)).toBeGreaterThanOrEqual(crashAt);
    });
  });

  it('stays as it was on a full datastore, and says so', async () => {
    const { root, id } = await prepare(encryptedBefore);
    const { fileSystem } = failingFiles(5, 'ENOSPC');
    const store = await openStore(join(root, 'before'), { fileSystem });
    const vm = store.get(id);
    await expect(run(vm, store)).rejects.toMatchObject({ code: 'datastore_full' });
    expect(vm.encrypted).toBe(encryptedBefore);
    const after = await requireIntact(join(root, 'before'), id);
    expect(after.encrypted).toBe(encryptedBefore);
    expect(after.info().datastore).toBe('ds1');
    if (encryptedBefore) expect(after.requiredKeys).toEqual([first.id]);
  });
});

describe('VmStore on a full datastore', () => {
  it('leaves nothing of a VM that could not be created', async () => {
    const root = await temporaryFolder();
    await writeFile(join(root, 'image.raw'), image);
    const { fileSystem } = failingFiles(6, 'ENOSPC');
    const store = await openStore(join(root, 'store'), { fileSystem });
    const creation = store.createVmFromRaw({ name: 'vm', image: join(root, 'image.raw') });
    await expect(creation).rejects.toMatchObject({ code: 'datastore_full' });
    expect(store.list()).toEqual([]);
    expect([...(await allFiles(join(root, 'store'))).keys()]).toEqual([]);
  });
});
