import { zeroise } from '../../core/secret.js';
import { dataFileBytes, writeDiskDescriptor } from '../../wire/vmx/index.js';
import { encodeManifest, FRAME_FLAGS } from '../../wire/vmotion/index.js';
import type { Manifest, ManifestFile, SectionType } from '../../wire/vmotion/index.js';
import type { ByteRange, DirtyBitmap } from '../vm/dirty-bitmap.js';
import { FlatDisk } from '../vm/disk.js';
import { exists, isZero, readSmallFile } from '../vm/file-system.js';
import type { DirtyState, RunningGuest } from '../vm/guest.js';
import type { VirtualMachine } from '../vm/index.js';
import { suspendStateName } from '../vm/vm-config.js';
import { NVRAM_MAX_BYTES } from '../vm/vm-files.js';
import type { FrameWriter } from './frame-stream.js';
import { SUSPEND_STATE_MAX_BYTES } from './limits.js';
import type { MigrationSpec } from './migration-spec.js';

/** Bytes of bulk data in one frame: large enough for the cipher, small enough for the processor's cache. */
const CHUNK_BYTES = 256 * 1024;

/** The guest is held back for the last round when no more than this is left to send (own choice). */
const SWITCHOVER_BYTES = 1024 * 1024;

/** The guest is held back after so many rounds even if it writes faster than the network takes (own choice). */
const MAX_DIRTY_ROUNDS = 8;

type Read = (offsetBytes: number, into: Buffer) => Promise<void>;

/** One pass of a VM through a stream: its files, then its disks and memory, then what was written meanwhile. */
export class VmTransfer {
  readonly #vm: VirtualMachine;
  readonly #spec: MigrationSpec;
  readonly #writer: FrameWriter;
  /** One is filled while the other goes out. */
  readonly #buffers = [
    Buffer.from(new ArrayBuffer(CHUNK_BYTES)),
    Buffer.from(new ArrayBuffer(CHUNK_BYTES)),
  ] as const;
  readonly #sending: [Promise<void>, Promise<void>] = [Promise.resolve(), Promise.resolve()];
  #turn: 0 | 1 = 0;

  constructor(vm: VirtualMachine, spec: MigrationSpec, writer: FrameWriter) {
    this.#vm = vm;
    this.#spec = spec;
    this.#writer = writer;
  }

  /** Sends all frames but the final one. @returns rounds of changes */
  async run(): Promise<number> {
    const { guest, files } = this.#vm;
    // Tracking starts before the first byte is read: a write is then either read or marked.
    const dirty = guest?.startTracking();
    const disks: FlatDisk[] = [];
    try {
      for (const disk of files.disks) {
        const open = guest?.disks.get(disk.key)?.atRest;
        disks.push(
          open ?? (await FlatDisk.open(files.fileSystem, files.path(disk.flatName), disk.capacityBytes, 'r')),
        );
      }
      await this.#sendFiles(guest);
      for (const [index, disk] of disks.entries()) {
        const read: Read = (offset, into) => disk.read(offset, into);
        await this.#sendRange('diskData', index, { offsetBytes: 0, lengthBytes: disk.capacityBytes }, read);
      }
      if (guest && this.#spec.live) {
        await this.#sendRange(
          'memory',
          0,
          { offsetBytes: 0, lengthBytes: guest.memory.length },
          memoryReader(guest),
        );
      }
      return guest && dirty ? await this.#sendChanges(guest, dirty, disks) : 0;
    } finally {
      await Promise.allSettled(this.#sending);
      zeroise(...this.#buffers);
      guest?.stopTracking();
      if (!guest) for (const disk of disks) await disk.close();
    }
  }

  async #sendFiles(guest: RunningGuest | undefined): Promise<void> {
    const { files } = this.#vm;
    const config = files.config.toBytes();
    const nvram = await this.#optionalFile(files.nvramName, dataFileBytes(NVRAM_MAX_BYTES));
    const suspendName = suspendStateName(files.config);
    const suspendState =
      suspendName === undefined ? undefined : await this.#optionalFile(suspendName, SUSPEND_STATE_MAX_BYTES);
    const descriptors = files.disks.map(({ descriptor }) => writeDiskDescriptor(descriptor));
    const file = (name: string, bytes: Buffer): ManifestFile => ({ name, sizeBytes: bytes.length });
    const manifest: Manifest = {
      vmId: this.#vm.id,
      config: file(files.vmxName, config),
      ...(nvram ? { nvram: file(files.nvramName, nvram) } : {}),
      ...(suspendState && suspendName !== undefined ? { suspendState: file(suspendName, suspendState) } : {}),
      disks: files.disks.map(({ fileName, flatName, capacityBytes }, index) => ({
        descriptor: { name: fileName, sizeBytes: descriptors[index]?.length ?? 0 },
        data: { name: flatName, sizeBytes: capacityBytes },
      })),
      memoryBytes: guest && this.#spec.live ? guest.memory.length : 0,
    };
    await this.#writer.send({ type: 'manifest' }, encodeManifest(manifest));
    await this.#sendBytes('config', 0, config);
    if (nvram) await this.#sendBytes('nvram', 0, nvram);
    if (suspendState) await this.#sendBytes('suspendState', 0, suspendState);
    for (const [index, descriptor] of descriptors.entries())
      await this.#sendBytes('diskDescriptor', index, descriptor);
  }

  async #optionalFile(name: string, maxBytes: number): Promise<Buffer | undefined> {
    const { files } = this.#vm;
    if (!(await exists(files.fileSystem, files.path(name)))) return undefined;
    return readSmallFile(files.fileSystem, files.directory, name, maxBytes);
  }

  #sendBytes(type: SectionType, index: number, bytes: Buffer): Promise<void> {
    const read: Read = (offset, into) => {
      bytes.copy(into, 0, offset);
      return Promise.resolve();
    };
    return this.#sendRange(type, index, { offsetBytes: 0, lengthBytes: bytes.length }, read);
  }

  /** Rounds of changes while the guest runs, then one while it is held back: after that nothing is left. */
  async #sendChanges(guest: RunningGuest, dirty: DirtyState, disks: readonly FlatDisk[]): Promise<number> {
    const bitmaps = [...dirty.disks.values(), ...(this.#spec.live ? [dirty.memory] : [])];
    const dirtyBytes = (): number => bitmaps.reduce((sum, bitmap) => sum + bitmap.dirtyBytes, 0);
    let rounds = 0;
    while (dirtyBytes() > SWITCHOVER_BYTES && rounds < MAX_DIRTY_ROUNDS) {
      await this.#sendDirty(guest, dirty, disks);
      rounds += 1;
    }
    await guest.pause();
    await guest.flush();
    await this.#sendDirty(guest, dirty, disks);
    return rounds + 1;
  }

  async #sendDirty(guest: RunningGuest, dirty: DirtyState, disks: readonly FlatDisk[]): Promise<void> {
    for (const [index, { key }] of this.#vm.files.disks.entries()) {
      const [bitmap, disk] = [dirty.disks.get(key), disks[index]];
      if (bitmap && disk)
        await this.#sendBitmap('diskData', index, bitmap, (offset, into) => disk.read(offset, into));
    }
    if (this.#spec.live) await this.#sendBitmap('memory', 0, dirty.memory, memoryReader(guest));
  }

  async #sendBitmap(type: SectionType, index: number, bitmap: DirtyBitmap, read: Read): Promise<void> {
    let range = bitmap.take(0, CHUNK_BYTES);
    while (range) {
      await this.#sendRange(type, index, range, read);
      range = bitmap.take(range.offsetBytes + range.lengthBytes, CHUNK_BYTES);
    }
  }

  async #sendRange(type: SectionType, index: number, range: ByteRange, read: Read): Promise<void> {
    const end = range.offsetBytes + range.lengthBytes;
    for (let offsetBytes = range.offsetBytes; offsetBytes < end; offsetBytes += CHUNK_BYTES) {
      const turn = this.#turn;
      this.#turn = turn === 0 ? 1 : 0;
      await this.#sending[turn];
      const part = this.#buffers[turn].subarray(0, Math.min(CHUNK_BYTES, end - offsetBytes));
      await read(offsetBytes, part);
      const sent = isZero(part)
        ? this.#writer.send(
            { type, index, offsetBytes, flags: FRAME_FLAGS.zeros },
            lengthPayload(part.length),
          )
        : this.#writer.send({ type, index, offsetBytes }, part);
      // A failure is met when the buffer is needed again, or at the end; until then it must not count as unhandled.
      sent.catch(() => undefined);
      this.#sending[turn] = sent;
    }
    await Promise.all(this.#sending);
  }
}

function memoryReader(guest: RunningGuest): Read {
  return (offset, into) => {
    guest.memory.copy(into, 0, offset);
    return Promise.resolve();
  };
}

function lengthPayload(bytes: number): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64BE(BigInt(bytes));
  return payload;
}
