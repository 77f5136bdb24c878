import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import * as z from 'zod';

import { makePrivateDir } from '../../../core/data-dir.js';
import { KpsimError } from '../../../core/errors.js';
import type { Logger } from '../../../core/logging.js';
import type { ManufactureOptions } from '../manufacture.js';
import { SwtpmTransport } from '../swtpm-transport.js';
import { TpmClient } from '../tpm-client.js';
import type { TpmTransport } from '../transport.js';
import type { TpmAddress, TpmDeviceHandle, TpmMaker } from './device.js';
import { provision } from './provision.js';
import { SwtpmProcess, endOrphan } from './swtpm-process.js';
import { decodeSwtpmSnapshot, encodeSwtpmSnapshot } from './swtpm-snapshot.js';

/** Below the host's data directory: one state directory for each swtpm that it has. */
const STATES_DIRECTORY = 'swtpm';
const STATE_KEY_BYTES = 32;
/** A swtpm that ends by itself so often between two boots is left alone. */
const MOST_RESTARTS = 3;
const LOOPBACK: TpmAddress = { host: '127.0.0.1', port: 0 };

/** What is kept of a swtpm; the state itself is in its directory, encrypted under the key. */
const recordSchema = z.strictObject({
  version: z.literal(1),
  directory: z.uuid(),
  stateKeyHex: z.hex().length(STATE_KEY_BYTES * 2),
});
type SwtpmRecord = z.infer<typeof recordSchema>;

/** What the swtpm of a host stands on. */
export interface SwtpmMakerOptions {
  /** The host's data directory; the state directories are below it, mode 0700. */
  readonly dataDir: string;
  readonly log: Logger;
  /** Where it listens, port 0 for any; any loopback ports unless given. */
  readonly listen?: TpmAddress | undefined;
  /** Where the program is looked for. */
  readonly programs?: readonly string[] | undefined;
}

/** Makes TPMs that are swtpm processes: started, watched and ended by the host. */
export class SwtpmMaker implements TpmMaker {
  readonly kind = 'swtpm';
  readonly #options: SwtpmMakerOptions;

  constructor(options: SwtpmMakerOptions) {
    this.#options = options;
  }

  async make(options: ManufactureOptions): Promise<TpmDeviceHandle> {
    const record: SwtpmRecord = {
      version: 1,
      directory: randomUUID(),
      stateKeyHex: randomBytes(STATE_KEY_BYTES).toString('hex'),
    };
    const device = await SwtpmDevice.start(this.#options, record);
    const client = new TpmClient(device.transport());
    try {
      await client.startup();
      await provision(client, options);
      await client.shutdown();
      await client.close();
      await device.reset();
      return device;
    } catch (error) {
      await device.discard();
      throw error;
    }
  }

  async load(saved: Buffer): Promise<TpmDeviceHandle> {
    const record = recordOf(saved);
    await this.#removeAllBut(record.directory);
    return SwtpmDevice.start(this.#options, record);
  }

  /** What a crash has left of TPMs that the host did not come to have, or had before. */
  async #removeAllBut(directory: string): Promise<void> {
    const parent = await makePrivateDir(join(this.#options.dataDir, STATES_DIRECTORY));
    for (const other of await readdir(parent)) {
      if (other === directory) continue;
      await endOrphan(join(parent, other));
      await rm(join(parent, other), { recursive: true, force: true });
    }
  }
}

class SwtpmDevice implements TpmDeviceHandle {
  readonly kind = 'swtpm';
  readonly #options: SwtpmMakerOptions;
  readonly #record: SwtpmRecord;
  readonly #directory: string;
  readonly #listeners: (() => void)[] = [];
  readonly #bus: TpmTransport;
  #process: SwtpmProcess;
  #link: SwtpmTransport;
  #closed = false;
  #restarts = 0;
  /** Fulfilled when a swtpm that ended by itself is back. */
  #back: Promise<void> = Promise.resolve();

  private constructor(
    options: SwtpmMakerOptions,
    record: SwtpmRecord,
    directory: string,
    process: SwtpmProcess,
  ) {
    this.#options = options;
    this.#record = record;
    this.#directory = directory;
    this.#process = process;
    this.#link = new SwtpmTransport(process.address);
    this.#bus = {
      transmit: async (command) => {
        await this.#back;
        return this.#link.transmit(command);
      },
      close: () => this.#link.close(),
    };
    this.#watch(process);
  }

  /** Starts the process on the record's directory and gives the TPM power. */
  static async start(options: SwtpmMakerOptions, record: SwtpmRecord): Promise<SwtpmDevice> {
    const directory = await makePrivateDir(join(options.dataDir, STATES_DIRECTORY, record.directory));
    const listen = options.listen ?? LOOPBACK;
    const { programs } = options;
    const process = await SwtpmProcess.start({
      directory,
      stateKeyHex: record.stateKeyHex,
      listen,
      programs,
    });
    const device = new SwtpmDevice(options, record, directory, process);
    try {
      await device.#link.control.init();
      return device;
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  get address(): TpmAddress {
    return this.#process.address;
  }

  async setLocality(locality: number): Promise<void> {
    await this.#back;
    await this.#link.control.setLocality(locality);
  }

  transport(): TpmTransport {
    return this.#bus;
  }

  async reset(): Promise<void> {
    const down = await this.#back.then(
      () => false,
      () => true,
    );
    if (down) {
      await this.#startAgain();
      this.#back = Promise.resolve();
    }
    this.#restarts = 0;
    await this.#link.control.init();
  }

  async snapshot(): Promise<Buffer> {
    await this.#back;
    const { control } = this.#link;
    const permanent = await control.stateBlob('permanent');
    if (!permanent) throw new KpsimError('tpm_unavailable', 'swtpm has no state yet. Power it on first.');
    return encodeSwtpmSnapshot({ permanent, savestate: await control.stateBlob('savestate') });
  }

  async restore(state: Buffer): Promise<void> {
    const { permanent, savestate } = decodeSwtpmSnapshot(state);
    await this.#back;
    const { control } = this.#link;
    await control.stop();
    try {
      await control.setStateBlob('permanent', permanent);
      await control.setStateBlob('savestate', savestate ?? Buffer.alloc(0));
    } finally {
      permanent.fill(0);
      savestate?.fill(0);
      await control.init();
    }
  }

  save(): Promise<Buffer> {
    return Promise.resolve(Buffer.from(JSON.stringify(this.#record)));
  }

  onRestart(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#back.catch(() => undefined);
    await this.#link.close();
    await this.#process.end();
  }

  async discard(): Promise<void> {
    await this.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #watch(process: SwtpmProcess): void {
    void process.ended.then((lastWords) => {
      if (this.#closed) return;
      this.#back = this.#comeBack(lastWords);
      // Whoever uses the TPM next is told; that the host notices early is no error of its own.
      this.#back.catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'swtpm is gone: reboot the host to start it again');
      });
    });
  }

  async #comeBack(lastWords: string): Promise<void> {
    this.#restarts += 1;
    const { log } = this.#options;
    log.error(
      { lastWords, restarts: this.#restarts },
      'swtpm has ended by itself: the TPM has lost its power',
    );
    for (const listener of this.#listeners) listener();
    await this.#link.close();
    if (this.#restarts > MOST_RESTARTS) {
      throw new KpsimError(
        'tpm_unavailable',
        `swtpm has ended ${this.#restarts} times by itself (${lastWords}). Look at the host's log, and reboot the host.`,
      );
    }
    await this.#startAgain();
    await this.#link.control.init();
    log.warn({ port: this.address.port }, 'swtpm runs again: reboot the host before it attests');
  }

  async #startAgain(): Promise<void> {
    const { stateKeyHex } = this.#record;
    const { programs } = this.#options;
    const listen = this.#process.address;
    this.#process = await SwtpmProcess.start({ directory: this.#directory, stateKeyHex, listen, programs });
    this.#link = new SwtpmTransport(this.#process.address);
    if (this.#closed) await this.#process.end();
    this.#watch(this.#process);
  }
}

function recordOf(saved: Buffer): SwtpmRecord {
  try {
    return recordSchema.parse(JSON.parse(saved.toString('utf8')));
  } catch {
    // The parser's message may quote what it read, which is secret.
    throw new KpsimError(
      'tpm_state_invalid',
      'What the host has kept of its swtpm cannot be read. Restore it from a copy, or remove it to have a new TPM.',
    );
  }
}
