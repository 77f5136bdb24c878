import type { Clock } from '../../../core/clock.js';
import type { Logger } from '../../../core/logging.js';
import { manufacture } from '../manufacture.js';
import type { ManufactureOptions } from '../manufacture.js';
import { SoftwareTpm, SoftwareTpmTransport } from '../software-tpm.js';
import { SwtpmServer } from '../swtpm-server.js';
import type { TpmTransport } from '../transport.js';
import type { TpmAddress, TpmDeviceHandle, TpmMaker } from './device.js';

/** What the built-in TPM of a host stands on. */
export interface SoftwareTpmMakerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Where it listens in swtpm's manner, port 0 for any; it does not unless given. */
  readonly listen?: TpmAddress | undefined;
}

/** Makes built-in TPMs: in the process of the host, and on TCP ports if told. */
export class SoftwareTpmMaker implements TpmMaker {
  readonly kind = 'software';
  readonly #options: SoftwareTpmMakerOptions;

  constructor(options: SoftwareTpmMakerOptions) {
    this.#options = options;
  }

  async make(options: ManufactureOptions): Promise<TpmDeviceHandle> {
    const { clock, log } = this.#options;
    return SoftwareTpmDevice.open(await manufacture({ ...options, clock, log }), this.#options);
  }

  async load(saved: Buffer): Promise<TpmDeviceHandle> {
    const { clock, log } = this.#options;
    return await SoftwareTpmDevice.open(SoftwareTpm.load(saved, { clock, log }), this.#options);
  }
}

class SoftwareTpmDevice implements TpmDeviceHandle {
  readonly kind = 'software';
  readonly #tpm: SoftwareTpm;
  readonly #log: Logger;
  readonly #transport: SoftwareTpmTransport;
  readonly #listeners: (() => void)[] = [];
  #server: SwtpmServer | undefined;
  #address: TpmAddress | undefined;

  private constructor(tpm: SoftwareTpm, log: Logger) {
    this.#tpm = tpm;
    this.#log = log;
    this.#transport = new SoftwareTpmTransport(tpm);
  }

  static async open(tpm: SoftwareTpm, { log, listen }: SoftwareTpmMakerOptions): Promise<SoftwareTpmDevice> {
    const device = new SoftwareTpmDevice(tpm, log);
    if (listen) await device.#listen(listen);
    return device;
  }

  get address(): TpmAddress | undefined {
    return this.#address;
  }

  setLocality(locality: number): Promise<void> {
    this.#tpm.setLocality(locality);
    return Promise.resolve();
  }

  transport(): TpmTransport {
    return this.#transport;
  }

  reset(): Promise<void> {
    this.#tpm.reset();
    return Promise.resolve();
  }

  snapshot(): Promise<Buffer> {
    return Promise.resolve(this.#tpm.saveState());
  }

  async restore(state: Buffer): Promise<void> {
    this.#tpm.restoreState(state);
    await this.reset();
  }

  save(): Promise<Buffer> {
    return this.snapshot();
  }

  onRestart(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
    this.#tpm.powerOff();
  }

  discard(): Promise<void> {
    return this.close();
  }

  async #listen(wanted: TpmAddress): Promise<void> {
    const server = new SwtpmServer(this.#tpm, {
      onPowerCycle: () => {
        this.#restarted();
      },
      onShutdown: () => {
        this.#comeBack().catch((error: unknown) => {
          this.#log.error({ err: error }, 'the software TPM listens no longer: restart the host agent');
        });
      },
    });
    const port = await server.start(wanted.host, wanted.port);
    this.#server = server;
    this.#address = { host: wanted.host, port };
  }

  /** A program has ended the TPM, as it can end a swtpm; it is started again at the same place. */
  async #comeBack(): Promise<void> {
    const { address } = this;
    if (!this.#server || !address) return;
    this.#tpm.reset();
    await this.#listen(address);
    this.#restarted();
  }

  #restarted(): void {
    this.#log.warn({}, 'a program has power-cycled the TPM: reboot the host before it attests');
    for (const listener of this.#listeners) listener();
  }
}
