import { createHash, randomUUID } from 'node:crypto';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { failingFiles } from '../vm/failing-files.js';
import { forEachUpTo, markedImage, newKek, resolverOf, temporaryFolder } from '../vm/lab.js';
import { createVm, migrate, newSpec, reconcile, startHost } from './lab.js';

const image = markedImage(64 * 1024);
const imageDigest = createHash('sha256').update(image).digest('hex');
const kek = newKek('key-1');
const keys = resolverOf(kek);

/** A crash in every change to the disk of one end, cold and live; after each, both hosts restart and are reconciled. */
describe.each([
  { crashed: 'source', live: false },
  { crashed: 'source', live: true },
  { crashed: 'destination', live: false },
  { crashed: 'destination', live: true },
] as const)('a migration (live: $live) whose $crashed crashes', ({ crashed, live }) => {
  it('leaves the VM on exactly one host after reconciliation, wherever the crash was', async () => {
    const root = await temporaryFolder();
    const before = await startHost(join(root, 'before'));
    const { id } = await createVm(before, image);
    await before.store.get(id).encrypt(kek);

    const ends = { source: 0, destination: 0 };
    const attempt = async (crashAt: number): Promise<number> => {
      const [a, b] = [join(root, `a${crashAt}`), join(root, `b${crashAt}`)];
      await cp(join(root, 'before'), a, { recursive: true });
      const failing = failingFiles(crashAt, 'EIO');
      const broken = { fileSystem: failing.fileSystem };
      const spec = newSpec(id, { live });
      const source = await startHost(a, crashed === 'source' ? broken : {}).catch(() => undefined);
      const destination = await startHost(b, crashed === 'destination' ? broken : {}).catch(() => undefined);
      if (source && destination) {
        const work = async (): Promise<void> => {
          if (live) await source.store.get(id).powerOn(keys);
          await migrate(source, destination, spec, keys);
        };
        await work().catch(() => undefined);
      }
      const changes = failing.count();
      await source?.stop();
      await destination?.stop();

      const [restartedSource, restartedDestination] = [await startHost(a), await startHost(b)];
      const outcome = await reconcile(restartedSource, restartedDestination, spec.migrationId);
      const [owner, other] =
        outcome === 'committed'
          ? [restartedDestination, restartedSource]
          : [restartedSource, restartedDestination];
      expect(owner.store.list().map((vm) => vm.id)).toEqual([id]);
      expect(other.store.list()).toEqual([]);
      const vm = owner.store.get(id);
      await vm.powerOn(keys);
      expect(await vm.guest?.diskDigestHex(2000)).toBe(imageDigest);
      ends[outcome === 'committed' ? 'destination' : 'source'] += 1;
      await restartedSource.stop();
      await restartedDestination.stop();
      return changes;
    };
    const changes = await attempt(Number.MAX_SAFE_INTEGER);
    await forEachUpTo(changes, async (crashAt) => {
      expect(await attempt(crashAt)).toBeGreaterThanOrEqual(crashAt);
    });
    // Crashes before and after the point of no return must both have been met.
    expect(ends.source).toBeGreaterThan(3);
    expect(ends.destination).toBeGreaterThan(0);
  });
});

describe('a migration that was received but not answered', () => {
  it('can be committed after a restart of the destination when the VM was powered off', async () => {
    const root = await temporaryFolder();
    const source = await startHost(join(root, 'a'));
    const destination = await startHost(join(root, 'b'));
    const vm = await createVm(source, image);
    const spec = newSpec(vm.id);
    await destination.engine.prepareReceive(spec, keys);
    await source.engine.startSend(spec, destination.address);
    await destination.stop();
    const restarted = await startHost(join(root, 'b'));
    expect(restarted.engine.migrationState(spec.migrationId)).toEqual({ destination: 'received' });
    expect(restarted.store.list()).toEqual([]);
    expect((await restarted.engine.commitReceive(spec.migrationId)).id).toBe(vm.id);
    await restarted.engine.commitReceive(spec.migrationId);
    await expect(restarted.engine.abort(spec.migrationId)).rejects.toMatchObject({ code: 'migration_state' });
    expect(await reconcile(source, restarted, spec.migrationId)).toBe('committed');
    expect(source.store.list()).toEqual([]);
  });

  it('says which record of a migration is damaged, and does not guess', async () => {
    const root = await temporaryFolder();
    const source = await startHost(join(root, 'a'));
    await source.stop();
    const name = `${randomUUID()}.source.json`;
    await writeFile(join(root, 'a', 'migrations', name), '{"state":');
    await expect(startHost(join(root, 'a'))).rejects.toMatchObject({
      code: 'store_unusable',
      message: expect.stringContaining(name) as string,
    });
  });

  it('keeps the VM held at a restarted source until it is reconciled', async () => {
    const root = await temporaryFolder();
    const source = await startHost(join(root, 'a'));
    const destination = await startHost(join(root, 'b'));
    const { id } = await createVm(source, image);
    const spec = newSpec(id);
    await destination.engine.prepareReceive(spec, keys);
    await source.engine.startSend(spec, destination.address);
    await source.stop();
    const restarted = await startHost(join(root, 'a'));
    await expect(restarted.store.get(id).powerOn()).rejects.toMatchObject({ code: 'migration_in_progress' });
    expect(await reconcile(restarted, destination, spec.migrationId)).toBe('aborted');
    await restarted.store.get(id).powerOn();
    expect(destination.store.list()).toEqual([]);
  });
});
