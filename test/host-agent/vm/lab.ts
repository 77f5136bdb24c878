import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { VmStore } from '../../../host-agent/vm/index.js';
import type { CryptoKeyId, KekResolver, NamedKek, VmStoreOptions } from '../../../host-agent/vm/index.js';

/** Plaintext that must not be found where only ciphertext may be. */
export const MARKER = Buffer.from('THE-PLAINTEXT-OF-THIS-GUEST-MUST-NOT-LEAK');

/** A folder that goes when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kpsim-vm-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A store with two datastores, stopped when the test ends. */
export async function openStore(root: string, options: Partial<VmStoreOptions> = {}): Promise<VmStore> {
  const store = await VmStore.open({
    datastores: [
      { name: 'ds1', path: join(root, 'ds1') },
      { name: 'ds2', path: join(root, 'ds2') },
    ],
    guestMemoryLimitMiB: 4,
    ...options,
  });
  onTestFinished(() => store.stopAll());
  return store;
}

/** A new key encryption key of a provider. */
export function newKek(keyId: string, provider = 'kms-a'): NamedKek {
  return { id: { keyId, providerId: { id: provider } }, key: randomBytes(32) };
}

/** Gives the keys listed, and rejects for every other. */
export function resolverOf(...keks: readonly NamedKek[]): KekResolver {
  return (id: CryptoKeyId) => {
    const found = keks.find(
      (kek) => kek.id.keyId === id.keyId && kek.id.providerId?.id === id.providerId?.id,
    );
    return found ? Promise.resolve(found.key) : Promise.reject(new Error(`no key ${id.keyId}`));
  };
}

/** Every file below a folder with its content. */
export async function allFiles(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (path) => [path, await readFile(path)] as const)));
}

/** Names of the files below a folder that hold some bytes. */
export async function filesWith(folder: string, bytes: Buffer): Promise<string[]> {
  return [...(await allFiles(folder))].filter(([, content]) => content.includes(bytes)).map(([path]) => path);
}

/** A raw image with the marker in it, at places that chunks of any size begin or end with. */
export function markedImage(sizeBytes: number): Buffer {
  const image = randomBytes(sizeBytes);
  for (let at = 0; at + MARKER.length <= sizeBytes; at += 256 * 1024) MARKER.copy(image, at);
  return image;
}

/** Does something with every number from 1 to `last`, several at a time: most of the work is waiting for the disk. */
export async function forEachUpTo(last: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 1;
  const worker = async (): Promise<void> => {
    while (next <= last) {
      const number = next;
      next += 1;
      await work(number);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}
