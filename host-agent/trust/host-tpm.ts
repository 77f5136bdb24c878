import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServiceContext } from '../../core/context.js';
import { writeFileDurable } from '../../core/data-dir.js';
import { x509 } from '../../core/pki/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import { encodeTpm2bPublic, publicKeyOf } from '../../wire/tpm2/index.js';
import type { TpmEndorsement } from '../api/results.js';
import { DEFAULT_SECURE_BOOT, measuredBoot } from '../boot/index.js';
import type { HostStore } from '../store.js';
import {
  EndorsementPool,
  SoftwareTpm,
  SoftwareTpmTransport,
  TpmClient,
  createTpmVendor,
  manufacture,
} from '../tpm/index.js';
import type { TpmKey, TpmVendor } from '../tpm/index.js';
import { Exclusive } from '../vm/exclusive.js';

/** What hosts of one process may share, so that their TPMs come from one maker and are made quickly. */
export interface PlatformParts {
  /** Signs endorsement certificates of new TPMs; the host founds a maker of its own without one. */
  readonly tpmVendor?: TpmVendor | undefined;
  /** Endorsements made ahead. */
  readonly endorsementPool?: EndorsementPool | undefined;
}

/** How a host boots. */
export interface BootSettings {
  readonly image: BaseImage;
  readonly secureBoot: boolean;
}

/** Certificates above the endorsement certificate, root first; they are public. */
const ISSUERS_FILE = 'tpm-issuers.pem';

/** The built-in TPM of a host: made once, kept in the data directory, and what was measured into it at boot. */
export class HostTpm {
  readonly #store: HostStore;
  readonly #tpm: SoftwareTpm;
  readonly #client: TpmClient;
  readonly #issuersPem: readonly string[];
  readonly #exclusive = new Exclusive();
  #eventLog: Buffer = Buffer.alloc(0);
  #ak: TpmKey | undefined;

  private constructor(store: HostStore, tpm: SoftwareTpm, issuersPem: readonly string[]) {
    this.#store = store;
    this.#tpm = tpm;
    this.#client = new TpmClient(new SoftwareTpmTransport(tpm));
    this.#issuersPem = issuersPem;
  }

  /** Loads the host's TPM, or makes one; it waits for {@link boot}. */
  static async open(context: ServiceContext, store: HostStore, parts: PlatformParts): Promise<HostTpm> {
    const options = { clock: context.clock, log: context.log };
    const issuersPath = join(context.dataDir, ISSUERS_FILE);
    const saved = await store.loadTpmState();
    if (saved) {
      const tpm = SoftwareTpm.load(saved, options);
      saved.fill(0);
      return new HostTpm(store, tpm, pemBlocks(await readFile(issuersPath, 'utf8')));
    }
    const vendor = parts.tpmVendor ?? (await createTpmVendor({ clock: context.clock }));
    const issuersPem = [vendor.root.caPem, vendor.issuing.caPem];
    const tpm = await manufacture({
      ...options,
      ekCa: vendor.issuing,
      ...(parts.endorsementPool && { pool: parts.endorsementPool }),
    });
    await writeFileDurable(issuersPath, issuersPem.join(''));
    return new HostTpm(store, tpm, issuersPem);
  }

  /** Starts the TPM and measures the boot into it. */
  boot(settings: BootSettings): Promise<void> {
    return this.withTpm(async (tpm) => {
      await tpm.startup();
      const { eventLog } = await measuredBoot({
        tpm,
        image: settings.image,
        secureBoot: { ...DEFAULT_SECURE_BOOT, enabled: settings.secureBoot },
      });
      this.#eventLog = eventLog;
      this.#ak = await tpm.createAk();
      await this.#save();
    });
  }

  /** Cuts the power and gives it back: PCRs, transient objects and sessions are gone. {@link boot} must follow. */
  powerCycle(): Promise<void> {
    return this.withTpm(async (tpm) => {
      await tpm.shutdown();
      this.#tpm.reset();
      this.#ak = undefined;
    });
  }

  /** The TCG2 event log of the last boot. */
  get eventLog(): Buffer {
    return this.#eventLog;
  }

  /** The attestation key of this boot. @throws Error before {@link boot}, which is a defect */
  get attestationKey(): TpmKey {
    if (!this.#ak) throw new Error('the host has not booted');
    return this.#ak;
  }

  /** Runs `work` alone: a TPM carries out one sequence of commands at a time. */
  withTpm<T>(work: (tpm: TpmClient) => Promise<T>): Promise<T> {
    return this.#exclusive.run(() => work(this.#client));
  }

  /** What the TPM is known by: its RSA endorsement key, as a Trust Authority expects. */
  async endorsement(): Promise<TpmEndorsement> {
    const { publicArea, certificate } = await this.withTpm(async (tpm) => ({
      publicArea: (await tpm.ensureEk('rsa2048')).publicArea,
      certificate: await tpm.ekCertificate('rsa2048'),
    }));
    return {
      endorsementKeyBase64: encodeTpm2bPublic(publicArea).toString('base64'),
      endorsementKeyPem: publicKeyOf(publicArea).export({ type: 'spki', format: 'pem' }).toString(),
      ...(certificate && { certificatePem: `${x509.PemConverter.encode(certificate, 'CERTIFICATE')}\n` }),
      issuersPem: certificate ? this.#issuersPem : [],
    };
  }

  /** Shuts the TPM down and keeps its state. */
  close(): Promise<void> {
    return this.withTpm(async (tpm) => {
      await tpm.shutdown();
      await this.#save();
      await tpm.close();
    });
  }

  async #save(): Promise<void> {
    const state = this.#tpm.saveState();
    await this.#store.saveTpmState(state);
    state.fill(0);
  }
}

function pemBlocks(text: string): string[] {
  return text.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block.trim() !== '');
}
