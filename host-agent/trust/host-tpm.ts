import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ServiceContext } from '../../core/context.js';
import { writeFileDurable } from '../../core/data-dir.js';
import { KpsimError } from '../../core/errors.js';
import { x509 } from '../../core/pki/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import { AK_TEMPLATES, encodeTpm2bPublic, publicKeyOf } from '../../wire/tpm2/index.js';
import type { TpmEndorsement } from '../api/results.js';
import { DEFAULT_SECURE_BOOT, EVIDENCE_FAULTS, EvidenceFaults, measuredBoot } from '../boot/index.js';
import type { HostStore } from '../store.js';
import { SoftwareTpm, SoftwareTpmTransport, TpmClient, createTpmVendor, manufacture } from '../tpm/index.js';
import type { EndorsementPool, ManufactureOptions, TpmKey, TpmVendor } from '../tpm/index.js';
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

/** A TPM with the certificates above its endorsement certificate. */
interface MadeTpm {
  readonly tpm: SoftwareTpm;
  readonly issuersPem: readonly string[];
}

/** What was measured at boot, and the key that quotes it. */
interface Boot {
  readonly eventLog: Buffer;
  readonly ak: TpmKey;
}

/**
 * The built-in TPM of a host: made once, kept in the data directory, and what was measured into it at boot. Faults of
 * the catalogue break the TPM, the boot or the evidence at their stages.
 */
export class HostTpm {
  /** The faults that are active; see {@link setFaults}. */
  readonly faults: EvidenceFaults;
  readonly #context: ServiceContext;
  readonly #store: HostStore;
  readonly #parts: PlatformParts;
  readonly #exclusive = new Exclusive();
  #made: MadeTpm;
  #client: TpmClient;
  #replaceAtBoot = false;
  #boot: Boot | undefined;

  private constructor(
    context: ServiceContext,
    store: HostStore,
    parts: PlatformParts,
    faults: EvidenceFaults,
    made: MadeTpm,
  ) {
    this.#context = context;
    this.#store = store;
    this.#parts = parts;
    this.faults = faults;
    this.#made = made;
    this.#client = this.#connect();
  }

  /**
   * Loads the host's TPM, or makes one; it waits for {@link boot}.
   *
   * @param faultNames faults of the catalogue, active from the start
   * @throws KpsimError `fault_unknown`
   */
  static async open(
    context: ServiceContext,
    store: HostStore,
    parts: PlatformParts,
    faultNames: readonly string[],
  ): Promise<HostTpm> {
    const faults = new EvidenceFaults(faultNames);
    const saved = await store.loadTpmState();
    const made = saved ? await loadTpm(saved, context, parts, faults) : await makeTpm(context, parts, faults);
    return new HostTpm(context, store, parts, faults, made);
  }

  /** Starts the TPM and measures the boot into it. A TPM that fails does not keep the host from booting. */
  boot(settings: BootSettings): Promise<void> {
    return this.withTpm(async (tpm) => {
      try {
        await tpm.startup();
        const { eventLog } = await measuredBoot(
          this.faults.boot({
            tpm,
            image: settings.image,
            secureBoot: { ...DEFAULT_SECURE_BOOT, enabled: settings.secureBoot },
            startupLocality: this.#made.tpm.locality,
          }),
        );
        const template = this.faults.ak(AK_TEMPLATES['p256-ecdsa-sha256']);
        this.#boot = { eventLog, ak: await tpm.createAk({ template }) };
      } catch (error) {
        if (!(error instanceof KpsimError)) throw error;
        this.#context.log.warn({ err: error }, 'the TPM failed at boot: the host will not attest');
      }
      await this.#save();
    });
  }

  /**
   * Cuts the power and gives it back: PCRs, transient objects and sessions are gone. {@link boot} must follow. When
   * faults of the TPM's making have changed, the host has another TPM from now on.
   */
  powerCycle(): Promise<void> {
    return this.withTpm(async (tpm) => {
      this.#boot = undefined;
      await this.#shutDown(tpm);
      if (this.#replaceAtBoot) {
        this.#made = await makeTpm(this.#context, this.#parts, this.faults);
        this.#replaceAtBoot = false;
      } else {
        this.#made.tpm.reset();
      }
      this.#client = this.#connect();
    });
  }

  /**
   * Replaces the active faults. Those of boot and attestation key take effect at the next boot, those of the TPM's
   * making too; all others with the next attestation.
   *
   * @throws KpsimError `fault_unknown`; the active faults are as before
   */
  setFaults(names: readonly string[]): Promise<void> {
    const checked = new EvidenceFaults(names);
    return this.withTpm(() => {
      const before = new Set(this.faults.names);
      const after = new Set(checked.names);
      const changed = [...new Set([...before, ...after])].filter(
        (name) => before.has(name) !== after.has(name),
      );
      for (const name of changed) {
        if (after.has(name)) this.faults.add(name);
        else this.faults.remove(name);
      }
      this.#replaceAtBoot ||= changed.some((name) => stageOf(name) === 'manufacture');
      this.#client = this.#connect();
      return Promise.resolve();
    });
  }

  /** The TCG2 event log of the last boot; empty if the TPM failed. */
  get eventLog(): Buffer {
    return this.#boot?.eventLog ?? Buffer.alloc(0);
  }

  /** The attestation key of this boot. @throws KpsimError `tpm_unavailable` if the TPM failed at boot */
  get attestationKey(): TpmKey {
    if (this.#boot) return this.#boot.ak;
    throw new KpsimError('tpm_unavailable', 'The TPM failed when the host booted: reboot the host.');
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
      issuersPem: certificate ? this.#made.issuersPem : [],
    };
  }

  /** Shuts the TPM down and keeps its state. */
  close(): Promise<void> {
    return this.withTpm(async (tpm) => {
      await this.#shutDown(tpm);
      await this.#save();
      await tpm.close();
    });
  }

  #connect(): TpmClient {
    return new TpmClient(this.faults.transport(new SoftwareTpmTransport(this.#made.tpm)));
  }

  async #shutDown(tpm: TpmClient): Promise<void> {
    try {
      await tpm.shutdown();
    } catch (error) {
      if (!(error instanceof KpsimError)) throw error;
      this.#context.log.warn({ err: error }, 'the TPM was not shut down orderly');
    }
  }

  async #save(): Promise<void> {
    const state = this.#made.tpm.saveState();
    await this.#store.saveTpmState(state);
    state.fill(0);
  }
}

async function loadTpm(
  saved: Buffer,
  context: ServiceContext,
  parts: PlatformParts,
  faults: EvidenceFaults,
): Promise<MadeTpm> {
  // Of what faults change when a TPM is made, only the locality is no part of its state.
  const { locality } = faults.names.length > 0 ? await makingOf(context, parts, faults) : {};
  const tpm = SoftwareTpm.load(saved, {
    clock: context.clock,
    log: context.log,
    ...(locality !== undefined && { locality }),
  });
  saved.fill(0);
  return { tpm, issuersPem: pemBlocks(await readFile(join(context.dataDir, ISSUERS_FILE), 'utf8')) };
}

async function makeTpm(
  context: ServiceContext,
  parts: PlatformParts,
  faults: EvidenceFaults,
): Promise<MadeTpm> {
  const { issuersPem, ...making } = await makingOf(context, parts, faults);
  await writeFileDurable(join(context.dataDir, ISSUERS_FILE), issuersPem.join(''));
  return { tpm: await manufacture(making), issuersPem };
}

async function makingOf(
  context: ServiceContext,
  parts: PlatformParts,
  faults: EvidenceFaults,
): Promise<ManufactureOptions & { readonly issuersPem: readonly string[] }> {
  const vendor = parts.tpmVendor ?? (await createTpmVendor({ clock: context.clock }));
  const options: ManufactureOptions = {
    clock: context.clock,
    log: context.log,
    ekCa: vendor.issuing,
    ...(parts.endorsementPool && { pool: parts.endorsementPool }),
  };
  return {
    ...(await faults.manufacture(options, vendor)),
    issuersPem: [vendor.root.caPem, vendor.issuing.caPem],
  };
}

function stageOf(faultName: string): string | undefined {
  return EVIDENCE_FAULTS.find(({ name }) => name === faultName)?.stage;
}

function pemBlocks(text: string): string[] {
  return text.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block.trim() !== '');
}
