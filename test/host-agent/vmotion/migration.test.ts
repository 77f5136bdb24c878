import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeStreamHeader } from '../../../wire/vmotion/index.js';
import { allFiles, filesWith, markedImage, MARKER, newKek, resolverOf, temporaryFolder } from '../vm/lab.js';
import { createVm, migrate, newSpec, startHost, startProxy } from './lab.js';
import type { Host, Tap } from './lab.js';

const DISK = 2000;
const NO_KEYS = resolverOf();
const IMAGE_BYTES = 1024 * 1024 + 512;

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function twoHosts(): Promise<[Host, Host]> {
  const root = await temporaryFolder();
  return [await startHost(join(root, 'a')), await startHost(join(root, 'b'))];
}

describe('vMotion', () => {
  it('moves an encrypted VM: there it opens with the same key, here nothing of it is left', async () => {
    const [source, destination] = await twoHosts();
    const image = markedImage(IMAGE_BYTES);
    const vm = await createVm(source, image);
    const kek = newKek('key-1');
    await vm.encrypt(kek);

    const moved = await migrate(source, destination, newSpec(vm.id), resolverOf(kek));

    expect(moved.info()).toMatchObject({ id: vm.id, name: 'app', keyId: kek.id, cryptoState: 'locked' });
    await moved.powerOn(resolverOf(kek));
    expect(await moved.guest?.diskDigestHex(DISK)).toBe(sha256(image));
    expect(source.store.list()).toEqual([]);
    expect([...(await allFiles(join(source.root, 'ds1'))).keys()]).toEqual([]);
  });

  it('moves a VM while it runs, with its memory, and loses nothing that its guest writes meanwhile', async () => {
    const [source, destination] = await twoHosts();
    const image = markedImage(6 * 1024 * 1024);
    const vm = await createVm(source, image);
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    const guest = vm.guest!;
    const expectedDisk = Buffer.from(image);
    const expectedMemory = Buffer.from(guest.memory);

    // The guest writes for as long as anything can be sent: the last writes fall into the switchover.
    const writing = { on: true };
    let writes = 0;
    const writer = (async (): Promise<void> => {
      while (writing.on) {
        const data = randomBytes(4096);
        const at = (writes * 7 * 4096) % (image.length - 4096);
        const memoryAt = (writes * 11 * 1000) % (expectedMemory.length - 4096);
        try {
          await guest.diskWrite(DISK, at, data);
          data.copy(expectedDisk, at);
          await guest.memoryWrite(memoryAt, data);
          data.copy(expectedMemory, memoryAt);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid_power_state' });
          return;
        }
        writes += 1;
        await new Promise(setImmediate);
      }
    })();

    const spec = newSpec(vm.id, { live: true });
    const address = await destination.engine.prepareReceive(spec, resolverOf(kek));
    const result = await source.engine.startSend(spec, address);
    expect(result).toMatchObject({ encrypted: true });
    expect(guest.paused).toBe(true);
    const moved = await destination.engine.commitReceive(spec.migrationId);
    await source.engine.commitSend(spec.migrationId);
    writing.on = false;
    await writer;

    expect(writes).toBeGreaterThan(0);
    expect(moved.powerState).toBe('poweredOn');
    expect(await moved.guest?.diskDigestHex(DISK)).toBe(sha256(expectedDisk));
    expect(await moved.guest?.memoryDigestHex()).toBe(sha256(expectedMemory));
  });

  it('sends what was written after the first pass in further rounds', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(2 * 1024 * 1024));
    await vm.powerOn();
    const guest = vm.guest!;
    const data = randomBytes(512);
    // The proxy sees the stream on its way: the guest writes when the first bytes have passed.
    const tap: Tap = { recorded: [] };
    const written: Promise<void>[] = [];
    tap.toDestination = (bytes) => {
      if (written.length === 0) written.push(guest.diskWrite(DISK, 0, data), guest.memoryWrite(0, data));
      return bytes;
    };
    const spec = newSpec(vm.id, { live: true, encrypted: false });
    const address = await startProxy(await destination.engine.prepareReceive(spec, NO_KEYS), tap);
    await source.engine.startSend(spec, address);
    await Promise.all(written);
    const moved = await destination.engine.commitReceive(spec.migrationId);
    expect((await moved.guest?.diskRead(DISK, 0, 512))?.equals(data)).toBe(true);
    expect((await moved.guest?.memoryRead(0, 512))?.equals(data)).toBe(true);
  });

  it('lets no plaintext of config, nvram, memory or disks onto the wire in encrypted mode, plain VM or not', async () => {
    for (const encryptVm of [true, false]) {
      const [source, destination] = await twoHosts();
      const vm = await createVm(source, markedImage(IMAGE_BYTES), 'TOP-SECRET-NAME');
      await vm.writeNvram(Buffer.concat([MARKER, randomBytes(64)]));
      const kek = newKek('key-1');
      if (encryptVm) await vm.encrypt(kek);
      await vm.powerOn(resolverOf(kek));
      await vm.guest?.memoryWrite(0, MARKER);
      const tap: Tap = { recorded: [] };
      const spec = newSpec(vm.id, { live: true });
      const address = await startProxy(await destination.engine.prepareReceive(spec, resolverOf(kek)), tap);
      const { bytes } = await source.engine.startSend(spec, address);
      const wire = Buffer.concat(tap.recorded);
      expect(wire.length).toBeGreaterThanOrEqual(bytes);
      for (const plain of [
        MARKER,
        Buffer.from('TOP-SECRET-NAME'),
        Buffer.from('displayName'),
        Buffer.from('vmdk'),
      ]) {
        expect(wire.includes(plain)).toBe(false);
      }
      await destination.engine.commitReceive(spec.migrationId);
    }
  });

  it('travels as plaintext when encrypted vMotion is not used, verified by the digest all the same', async () => {
    const [source, destination] = await twoHosts();
    const image = markedImage(IMAGE_BYTES);
    const vm = await createVm(source, image);
    const tap: Tap = { recorded: [] };
    const spec = newSpec(vm.id, { encrypted: false });
    const address = await startProxy(await destination.engine.prepareReceive(spec, NO_KEYS), tap);
    const result = await source.engine.startSend(spec, address);
    expect(result.encrypted).toBe(false);
    expect(Buffer.concat(tap.recorded).includes(MARKER)).toBe(true);
    const moved = await destination.engine.commitReceive(spec.migrationId);
    await moved.powerOn();
    expect(await moved.guest?.diskDigestHex(DISK)).toBe(sha256(image));
  });

  it('refuses a plain stream of which one byte was changed', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const tap: Tap = { recorded: [] };
    let changed = false;
    tap.toDestination = (bytes) => {
      const at = bytes.indexOf(MARKER);
      if (at < 0 || changed) return bytes;
      changed = true;
      const copy = Buffer.from(bytes);
      copy[at] = 0x58;
      return copy;
    };
    const spec = newSpec(vm.id, { encrypted: false });
    const address = await startProxy(await destination.engine.prepareReceive(spec, NO_KEYS), tap);
    await expect(source.engine.startSend(spec, address)).rejects.toThrow(/digest_mismatch/);
    expect(destination.engine.migrationState(spec.migrationId)).toEqual({ destination: 'aborted' });
    expect(source.engine.migrationState(spec.migrationId)).toEqual({ source: 'aborted' });
    await vm.powerOn();
  });

  it('refuses an encrypted stream that was changed or cut off, and the VM goes on at the source', async () => {
    for (const attack of ['flip', 'cut'] as const) {
      const [source, destination] = await twoHosts();
      const vm = await createVm(source, markedImage(IMAGE_BYTES));
      await vm.powerOn();
      const tap: Tap = { recorded: [] };
      let passedBytes = 0;
      tap.toDestination = (bytes, downstream) => {
        passedBytes += bytes.length;
        if (passedBytes < 300_000) return bytes;
        if (attack === 'cut') {
          downstream.destroy();
          return undefined;
        }
        const copy = Buffer.from(bytes);
        copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
        return copy;
      };
      const spec = newSpec(vm.id, { live: true });
      const address = await startProxy(await destination.engine.prepareReceive(spec, NO_KEYS), tap);
      await expect(source.engine.startSend(spec, address)).rejects.toMatchObject({ name: 'VmotionError' });
      expect(vm.guest?.paused).toBe(false);
      expect((await vm.guest?.diskRead(DISK, 0, 512))?.length).toBe(512);
      expect(destination.store.list()).toEqual([]);
      await expect(destination.engine.commitReceive(spec.migrationId)).rejects.toMatchObject({
        code: 'migration_state',
      });
      await vm.powerOff();
    }
  });

  it('refuses streams that are not prepared, of the wrong mode or key, without spending the migration', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const spec = newSpec(vm.id);
    await destination.engine.prepareReceive(spec, NO_KEYS);
    const hangsUp = (bytes: Buffer): Promise<number> => {
      return new Promise((resolve) => {
        let received = 0;
        const socket = connect(destination.address, () => socket.write(bytes));
        socket.on('data', (data) => (received += data.length)).on('error', () => undefined);
        socket.on('close', () => resolve(received));
      });
    };
    expect(await hangsUp(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))).toBe(0);
    expect(await hangsUp(encodeStreamHeader({ migrationId: randomUUID(), encrypted: true }))).toBe(0);
    expect(await hangsUp(encodeStreamHeader({ migrationId: spec.migrationId, encrypted: false }))).toBe(0);
    const forged = Buffer.concat([
      encodeStreamHeader({ migrationId: spec.migrationId, encrypted: true }),
      Buffer.alloc(64),
    ]);
    expect(await hangsUp(forged)).toBe(0);
    await source.engine.startSend(spec, destination.address);
    await destination.engine.commitReceive(spec.migrationId);
  });

  it('hangs up on a peer that spreads its first frame over time, however often it sends', async () => {
    const destination = await startHost(await temporaryFolder(), { idleTimeoutMs: 200 });
    const hungUp = new Promise<string>((resolve) => {
      const header = encodeStreamHeader({ migrationId: randomUUID(), encrypted: true });
      let sent = 0;
      const socket = connect(destination.address).on('error', () => undefined);
      const drip = setInterval(() => {
        if (sent < header.length - 1) socket.write(header.subarray(sent, (sent += 1)));
        else resolve('all but one byte were taken');
      }, 100);
      socket.resume().on('close', () => {
        clearInterval(drip);
        resolve('hung up');
      });
      onTestFinished(() => {
        clearInterval(drip);
        socket.destroy();
      });
    });
    expect(await hungUp).toBe('hung up');
  });

  it('refuses a key that does not open the VM at the destination before anything is committed', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    const spec = newSpec(vm.id);
    await destination.engine.prepareReceive(spec, resolverOf(newKek('key-1')));
    await expect(source.engine.startSend(spec, destination.address)).rejects.toThrow(
      /unable to decrypt.*key-1.*kms-a/,
    );
    expect(destination.store.list()).toEqual([]);
    await vm.powerOn(resolverOf(kek));
  });

  it('refuses to send an encrypted VM in the plain, and a running VM other than live', async () => {
    const [source] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    await vm.powerOn();
    const nowhere = { host: '127.0.0.1', port: 9 };
    await expect(source.engine.startSend(newSpec(vm.id), nowhere)).rejects.toThrow(/live/);
    await vm.powerOff();
    await vm.encrypt(newKek('key-1'));
    const plain = newSpec(vm.id, { encrypted: false });
    await expect(source.engine.startSend(plain, nowhere)).rejects.toThrow(/ENC-1/);
  });

  it('spends a spec with its first attempt, so that no key protects two streams', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const spec = newSpec(vm.id);
    const unreachable = { host: '127.0.0.1', port: 1 };
    await expect(source.engine.startSend(spec, unreachable)).rejects.toMatchObject({
      code: 'peer_unreachable',
    });
    await destination.engine.prepareReceive(spec, NO_KEYS);
    await expect(source.engine.startSend(spec, destination.address)).rejects.toMatchObject({
      code: 'migration_state',
    });
    await expect(destination.engine.prepareReceive(spec, NO_KEYS)).rejects.toMatchObject({
      code: 'migration_state',
    });
  });

  it('names the fields of a bad spec, never their values', async () => {
    const [, destination] = await twoHosts();
    const spec = { ...newSpec(randomUUID()), oneTimeKey: 'c2VjcmV0', extra: 1 };
    await expect(destination.engine.prepareReceive(spec, NO_KEYS)).rejects.toThrow(/oneTimeKey/);
    await expect(destination.engine.prepareReceive(spec, NO_KEYS)).rejects.not.toThrow(/c2VjcmV0/);
    await expect(destination.engine.prepareReceive(undefined, NO_KEYS)).rejects.toMatchObject({
      code: 'spec_invalid',
    });
  });

  it('clones a running VM under a new id and name, and the source goes on', async () => {
    const [source, destination] = await twoHosts();
    const image = markedImage(IMAGE_BYTES);
    const vm = await createVm(source, image);
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    const target = { id: randomUUID(), name: 'copy' };
    const clone = await migrate(
      source,
      destination,
      newSpec(vm.id, { kind: 'clone', target }),
      resolverOf(kek),
    );
    expect(clone.info()).toMatchObject({ id: target.id, name: 'copy', powerState: 'poweredOff' });
    expect(vm.guest?.paused).toBe(false);
    await clone.powerOn(resolverOf(kek));
    expect(await clone.guest?.diskDigestHex(DISK)).toBe(sha256(image));
    expect(await vm.guest?.diskDigestHex(DISK)).toBe(sha256(image));
    await vm.powerOff();
  });

  it('lets a source that was told to abort go on, and forgets everything at the destination', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    await vm.powerOn();
    const spec = newSpec(vm.id, { live: true });
    await destination.engine.prepareReceive(spec, NO_KEYS);
    await source.engine.startSend(spec, destination.address);
    await expect(vm.powerOff()).rejects.toMatchObject({ code: 'migration_in_progress' });
    await destination.engine.abort(spec.migrationId);
    await source.engine.abort(spec.migrationId);
    expect((await vm.guest?.diskRead(DISK, 0, 512))?.length).toBe(512);
    expect(await filesWith(join(destination.root, 'ds1'), MARKER)).toEqual([]);
    await expect(source.engine.commitSend(spec.migrationId)).rejects.toMatchObject({
      code: 'migration_state',
    });
    await expect(destination.engine.commitReceive(spec.migrationId)).rejects.toMatchObject({
      code: 'migration_state',
    });
    await vm.powerOff();
  });

  it('takes a suspended VM along with its saved memory', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const kek = newKek('key-1');
    await vm.encrypt(kek);
    await vm.powerOn(resolverOf(kek));
    await vm.guest?.memoryWrite(4096, MARKER);
    await vm.suspend();
    const moved = await migrate(source, destination, newSpec(vm.id), resolverOf(kek));
    expect(moved.powerState).toBe('suspended');
    await moved.powerOn(resolverOf(kek));
    expect((await moved.guest?.memoryRead(4096, MARKER.length))?.equals(MARKER)).toBe(true);
  });

  it('keeps no key in the migration journal', async () => {
    const [source, destination] = await twoHosts();
    const vm = await createVm(source, markedImage(IMAGE_BYTES));
    const spec = newSpec(vm.id);
    await migrate(source, destination, spec, NO_KEYS);
    for (const { root } of [source, destination]) {
      const journal = await allFiles(join(root, 'migrations'));
      expect(journal.size).toBe(1);
      for (const content of journal.values()) {
        expect(content.includes(spec.oneTimeKey)).toBe(false);
        expect(content.includes(spec.nonce)).toBe(false);
      }
    }
  });
});
