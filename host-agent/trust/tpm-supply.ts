import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServiceContext } from '../../core/context.js';
import { writeFileDurable } from '../../core/data-dir.js';
import type { EvidenceFaults } from '../boot/index.js';
import type { HostStore } from '../store.js';
import { SoftwareTpmMaker, SwtpmMaker, createTpmVendor } from '../tpm/index.js';
import type {
  EndorsementPool,
  TpmAddress,
  TpmDeviceHandle,
  TpmKind,
  TpmMaker,
  TpmVendor,
} from '../tpm/index.js';
import type { Every } from './renewal-timer.js';
import { decodeTpmRecord, encodeTpmRecord } from './tpm-record.js';

/** What hosts of one process may share, so that their TPMs come from one maker and are made quickly. */
export interface PlatformParts {
  /** Signs endorsement certificates of new TPMs; the host founds a maker of its own without one. */
  readonly tpmVendor?: TpmVendor | undefined;
  /** Endorsements made ahead. */
  readonly endorsementPool?: EndorsementPool | undefined;
  /** When the host looks whether it has to attest again; the machine's timer unless given. */
  readonly every?: Every | undefined;
}

/** A TPM with what is known of its making. */
export interface SuppliedTpm {
  readonly device: TpmDeviceHandle;
  /** Certificates above its endorsement certificate, root first. */
  readonly issuersPem: readonly string[];
  /** Faults that were part of its making, in alphabetical order. */
  readonly madeWith: readonly string[];
}

/** What a {@link TpmSupply} stands on. */
export interface TpmSupplyOptions {
  readonly context: ServiceContext;
  readonly store: HostStore;
  readonly parts: PlatformParts;
  readonly faults: EvidenceFaults;
  readonly kind: TpmKind;
  /** Where the TPM is to listen, if it is to. */
  readonly listen: TpmAddress | undefined;
}

/** The certificates are public. */
const ISSUERS_FILE = 'tpm-issuers.pem';

/** Where a host's TPM comes from: from what the host has kept, or from its maker. */
export class TpmSupply {
  readonly #options: TpmSupplyOptions;
  readonly #maker: TpmMaker;

  constructor(options: TpmSupplyOptions) {
    this.#options = options;
    const { context, listen } = options;
    const { clock, log, dataDir } = context;
    this.#maker =
      options.kind === 'swtpm'
        ? new SwtpmMaker({ dataDir, log, listen })
        : new SoftwareTpmMaker({ clock, log, listen });
  }

  /**
   * The TPM of the last run, or a new one if there was none, if it is of another kind, or if other faults of its
   * making are active than then.
   */
  async open(): Promise<SuppliedTpm> {
    const { store, context, faults } = this.#options;
    const saved = await store.loadTpmState();
    if (!saved) return this.#made();
    const { kind, madeWith, state } = decodeTpmRecord(saved);
    saved.fill(0);
    try {
      if (kind === this.#maker.kind && sameNames(madeWith, faults.making)) {
        return {
          device: await this.#maker.load(state),
          issuersPem: pemBlocks(await readFile(join(context.dataDir, ISSUERS_FILE), 'utf8')),
          madeWith,
        };
      }
    } finally {
      state.fill(0);
    }
    context.log.warn(
      { from: { kind, madeWith }, to: { kind: this.#maker.kind, madeWith: faults.making } },
      'the host has a new TPM, as its kind or the faults of its making have changed: register it where it must be known',
    );
    return this.#made();
  }

  /** Whether other faults of the TPM's making are active than when it was made. */
  isOutdated({ madeWith }: SuppliedTpm): boolean {
    return !sameNames(madeWith, this.#options.faults.making);
  }

  /** A new TPM in place of `old`; the old one again, and a word in the log, if none can be made. */
  async replace(old: SuppliedTpm): Promise<SuppliedTpm> {
    const state = await old.device.save();
    // The new one may have to listen where the old one does.
    await old.device.close();
    try {
      const made = await this.#made();
      await old.device.discard();
      return made;
    } catch (error) {
      this.#options.context.log.error(
        { err: error },
        'no new TPM can be made: the host keeps the one it has',
      );
      return { ...old, device: await this.#maker.load(state) };
    } finally {
      state.fill(0);
    }
  }

  /** Keeps what is needed to have the TPM again in the next run. */
  async save({ device, madeWith }: SuppliedTpm): Promise<void> {
    const state = await device.save();
    const record = encodeTpmRecord({ kind: device.kind, madeWith, state });
    try {
      await this.#options.store.saveTpmState(record);
    } finally {
      state.fill(0);
      record.fill(0);
    }
  }

  async #made(): Promise<SuppliedTpm> {
    const { context, parts, faults } = this.#options;
    const vendor = parts.tpmVendor ?? (await createTpmVendor({ clock: context.clock }));
    const issuersPem = [vendor.root.caPem, vendor.issuing.caPem];
    const options = { ekCa: vendor.issuing, ...(parts.endorsementPool && { pool: parts.endorsementPool }) };
    const making = await faults.manufacture(options, vendor);
    const made = { device: await this.#maker.make(making), issuersPem, madeWith: faults.making };
    try {
      await writeFileDurable(join(context.dataDir, ISSUERS_FILE), issuersPem.join(''));
      await this.save(made);
      return made;
    } catch (error) {
      await made.device.discard();
      throw error;
    }
  }
}

function sameNames(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}

function pemBlocks(text: string): string[] {
  return text.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block.trim() !== '');
}
