import { createHash } from 'node:crypto';
import { zeroise } from '../../core/secret.js';
import { DirtyBitmap } from './dirty-bitmap.js';
import { diskDigestHex } from './disk.js';
import type { VirtualDisk } from './disk.js';
import { VmError } from './errors.js';
import { CHUNK_BYTES } from './file-system.js';

/** Most bytes of one guest read or write. */
export const GUEST_IO_MAX_BYTES = CHUNK_BYTES;

const MEMORY_UNIT_BYTES = 4096;
const DISK_UNIT_BYTES = 64 * 1024;

/** What a running guest has written since tracking began or was last taken. */
export interface DirtyState {
  memory: DirtyBitmap;
  /** By device key. */
  disks: ReadonlyMap<number, DirtyBitmap>;
}

/**
 * The volatile half of a powered-on VM: open disks with their keys, memory, and the key of the data files. All of it
 * is zeroised when the guest stops.
 */
export class RunningGuest {
  readonly memory: Buffer;
  /** Key of the VM's data files; undefined if the VM is not encrypted. */
  readonly dataFileKey: Buffer | undefined;
  readonly disks: ReadonlyMap<number, VirtualDisk>;
  #dirty: DirtyState | undefined;
  #running = 0;
  #idle: (() => void) | undefined;
  #paused: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  #stopped = false;

  /** Takes over disks, memory and key. */
  constructor(disks: ReadonlyMap<number, VirtualDisk>, memory: Buffer, dataFileKey: Buffer | undefined) {
    this.disks = disks;
    this.memory = memory;
    this.dataFileKey = dataFileKey;
  }

  /** Whether guest input and output wait, as at the switchover of a migration. */
  get paused(): boolean {
    return this.#paused !== undefined;
  }

  /** Reads whole sectors of a disk. @throws {VmError} `disk_not_found`, `invalid_argument` */
  diskRead(diskKey: number, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    return this.#perform(async () => {
      const into = Buffer.from(new ArrayBuffer(requireLength(lengthBytes)));
      await this.#disk(diskKey).read(offsetBytes, into);
      return into;
    });
  }

  /** Writes whole sectors of a disk; like a disk's own cache, they are durable after {@link flush}. */
  diskWrite(diskKey: number, offsetBytes: number, data: Buffer): Promise<void> {
    return this.#perform(async () => {
      requireLength(data.length);
      try {
        await this.#disk(diskKey).write(offsetBytes, data);
      } finally {
        // Marked when the write has ended, even badly: whoever took the run before then may have read the old data.
        this.#dirty?.disks.get(diskKey)?.mark({ offsetBytes, lengthBytes: data.length });
      }
    });
  }

  /** Reads guest memory. */
  memoryRead(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    return this.#perform(() => {
      this.#requireMemory(offsetBytes, requireLength(lengthBytes));
      return Promise.resolve(Buffer.from(this.memory.subarray(offsetBytes, offsetBytes + lengthBytes)));
    });
  }

  /** Writes guest memory. */
  memoryWrite(offsetBytes: number, data: Buffer): Promise<void> {
    return this.#perform(() => {
      this.#requireMemory(offsetBytes, requireLength(data.length));
      data.copy(this.memory, offsetBytes);
      this.#dirty?.memory.mark({ offsetBytes, lengthBytes: data.length });
      return Promise.resolve();
    });
  }

  /** SHA-256 of a disk's plaintext, lower-case hex. */
  diskDigestHex(diskKey: number): Promise<string> {
    return this.#perform(() => diskDigestHex(this.#disk(diskKey)));
  }

  /** SHA-256 of guest memory, lower-case hex. */
  memoryDigestHex(): Promise<string> {
    return this.#perform(() => Promise.resolve(createHash('sha256').update(this.memory).digest('hex')));
  }

  /** Makes all disk writes durable. */
  async flush(): Promise<void> {
    for (const disk of this.disks.values()) await disk.sync();
  }

  /** Starts to record writes; whatever was recorded before is forgotten. */
  startTracking(): DirtyState {
    const bitmaps = Array.from(this.disks, ([key, disk]) => {
      return [key, new DirtyBitmap(disk.capacityBytes, DISK_UNIT_BYTES)] as const;
    });
    this.#dirty = { memory: new DirtyBitmap(this.memory.length, MEMORY_UNIT_BYTES), disks: new Map(bitmaps) };
    return this.#dirty;
  }

  /** Ends recording. */
  stopTracking(): void {
    this.#dirty = undefined;
  }

  /** Holds all further guest input and output back, and resolves when none is under way. */
  async pause(): Promise<void> {
    this.#paused ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
  }

  /** Lets held input and output go on. */
  resume(): void {
    this.#resume?.();
    this.#paused = undefined;
    this.#resume = undefined;
  }

  /** Ends the guest: what was held back fails, disks are made durable and closed, memory and keys zeroised. */
  async stop(): Promise<void> {
    await this.pause();
    this.#stopped = true;
    this.resume();
    this.stopTracking();
    const closing = Array.from(this.disks.values(), async (disk) => {
      try {
        await disk.sync();
      } finally {
        await disk.close();
      }
    });
    const results = await Promise.allSettled(closing);
    zeroise(this.memory, this.dataFileKey);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  async #perform<T>(work: () => Promise<T>): Promise<T> {
    while (this.#paused) await this.#paused;
    if (this.#stopped) throw new VmError('invalid_power_state', 'the VM does not run on this host any more');
    this.#running += 1;
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) {
        this.#idle?.();
        this.#idle = undefined;
      }
    }
  }

  #disk(diskKey: number): VirtualDisk {
    const disk = this.disks.get(diskKey);
    if (disk) return disk;
    throw new VmError('disk_not_found', `the VM has no disk with key ${diskKey}`);
  }

  #requireMemory(offsetBytes: number, lengthBytes: number): void {
    if (
      Number.isSafeInteger(offsetBytes) &&
      offsetBytes >= 0 &&
      offsetBytes + lengthBytes <= this.memory.length
    )
      return;
    throw new VmError('invalid_argument', `guest memory has ${this.memory.length} bytes`);
  }
}

function requireLength(lengthBytes: number): number {
  if (Number.isSafeInteger(lengthBytes) && lengthBytes >= 1 && lengthBytes <= GUEST_IO_MAX_BYTES)
    return lengthBytes;
  throw new VmError('invalid_argument', `one guest read or write has 1 to ${GUEST_IO_MAX_BYTES} bytes`);
}
