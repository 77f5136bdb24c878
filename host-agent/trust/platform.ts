import { isDeepStrictEqual } from 'node:util';

import type { ServiceContext } from '../../core/context.js';
import { VapiError } from '../../core/http/index.js';
import { packImgdb } from '../../wire/esx-image/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import type { HostImages, TpmEndorsement } from '../api/results.js';
import type { HostAgentConfig } from '../config.js';
import { capabilitiesOf } from '../config.js';
import type { TpmAddress } from '../tpm/index.js';
import type { HostStore } from '../store.js';
import { baseImageOf, originalImage, patched } from './base-image.js';
import type { InstalledImage, Patch } from './base-image.js';
import { TpmEvidenceMaker } from './evidence.js';
import type { EvidenceMaker } from './exchange.js';
import { HostKey } from './host-key.js';
import { HostTpm } from './host-tpm.js';
import type { PlatformParts } from './tpm-supply.js';

export type { PlatformParts } from './tpm-supply.js';

/** A TPM's ports ask for no certificate, so only this machine reaches them. */
const TPM_HOST = '127.0.0.1';

/** What a host boots on: its image, its TPM if it has one, and the key that lives from boot to boot. */
export class HostPlatform {
  /** Makes evidence; undefined on a host without a TPM. */
  readonly evidence: EvidenceMaker | undefined;
  readonly #config: HostAgentConfig;
  readonly #tpm: HostTpm | undefined;
  readonly #store: HostStore;
  /** Where a patch takes the place of the image that the host came with. */
  #running: InstalledImage | undefined;
  #image: BaseImage;
  #hostKey = HostKey.generate();

  private constructor(config: HostAgentConfig, store: HostStore, tpm: HostTpm | undefined) {
    this.#config = config;
    this.#tpm = tpm;
    this.#store = store;
    this.#image = baseImageOf(originalImage(config));
    this.evidence =
      tpm &&
      new TpmEvidenceMaker({
        hostId: store.configuration.uuid,
        tpm,
        hostKey: () => this.#hostKey,
        certificatePem: config.tls.certificatePem,
      });
  }

  /** Opens the TPM and boots. */
  static async open(
    config: HostAgentConfig,
    context: ServiceContext,
    store: HostStore,
    parts: PlatformParts,
  ): Promise<HostPlatform> {
    const tpm = await openTpm(config, context, store, parts);
    try {
      const platform = new HostPlatform(config, store, tpm);
      await platform.#boot();
      return platform;
    } catch (error) {
      await tpm?.close();
      throw error;
    }
  }

  /** The key to which released keys are encrypted. */
  get hostKey(): HostKey {
    return this.#hostKey;
  }

  /** The TPM, for a program that speaks to it in the host's place; undefined on a host without one. */
  get tpm(): HostTpm | undefined {
    return this.#tpm;
  }

  /** Where other programs can reach the TPM in swtpm's manner; undefined unless the host is to listen there. */
  get tpmAddress(): TpmAddress | undefined {
    return this.#config.tpmPort === undefined ? undefined : this.#tpm?.address;
  }

  /** Boots again: the TPM loses what is volatile, and the host has another host key. */
  async reboot(): Promise<void> {
    await this.#tpm?.powerCycle();
    this.#hostKey = HostKey.generate();
    await this.#boot();
  }

  /** @throws VapiError `UNSUPPORTED` without a TPM */
  endorsement(): Promise<TpmEndorsement> {
    return this.#requireTpm().endorsement();
  }

  /** The event log of the last boot. @throws VapiError `UNSUPPORTED` without a TPM */
  eventLog(): Buffer {
    return this.#requireTpm().eventLog;
  }

  /** `boot_imgdb.tgz` of the image that the host runs. */
  bootImgdb(): Promise<Buffer> {
    return packImgdb(this.#image);
  }

  /** What the host runs and what it will run after its next boot. */
  get images(): HostImages {
    const installed = baseImageOf(this.#installed);
    return {
      running: { version: this.#image.version, displayName: this.#image.displayName },
      installed: { version: installed.version, displayName: installed.displayName },
    };
  }

  /** Version and build of what the host runs, as it tells them. */
  get release(): { readonly version: string; readonly build: string } {
    if (this.#running) return { version: this.#running.release, build: this.#running.build };
    return { version: this.#config.version, build: this.#config.build };
  }

  /**
   * Installs another base image, which the host runs from its next boot on.
   *
   * @throws VapiError `UNSUPPORTED` for a release that can do other things than the host's
   */
  async patch(patch: Patch): Promise<HostImages> {
    const image = patched(this.#installed, patch);
    const { version } = this.#config;
    if (!isDeepStrictEqual(capabilitiesOf(image.release), capabilitiesOf(version))) {
      throw new VapiError(
        'UNSUPPORTED',
        `ESXi ${image.release} can do other things than the host's ${version}: choose a build of the same release, or start another host.`,
      );
    }
    await this.#store.update({ image });
    return this.images;
  }

  /** Names of the faults that break this host's evidence. @throws VapiError `UNSUPPORTED` without a TPM */
  evidenceFaults(): readonly string[] {
    return this.#requireTpm().faults.names;
  }

  /** Names of the faults that the running boot has. @throws VapiError `UNSUPPORTED` */
  bootFaults(): readonly string[] {
    return this.#requireTpm().bootFaults;
  }

  /** Replaces the active faults. @throws VapiError `UNSUPPORTED`, KpsimError `fault_unknown` */
  setEvidenceFaults(names: readonly string[]): Promise<void> {
    return this.#requireTpm().setFaults(names);
  }

  /** Shuts down. */
  async close(): Promise<void> {
    await this.#tpm?.close();
  }

  get #installed(): InstalledImage {
    return this.#store.configuration.image ?? originalImage(this.#config);
  }

  async #boot(): Promise<void> {
    this.#running = this.#store.configuration.image;
    this.#image = baseImageOf(this.#installed);
    await this.#tpm?.boot({ image: this.#image, secureBoot: this.#config.secureBoot });
  }

  #requireTpm(): HostTpm {
    if (this.#tpm) return this.#tpm;
    throw new VapiError('UNSUPPORTED', 'The host has no TPM 2.0.');
  }
}

async function openTpm(
  config: HostAgentConfig,
  context: ServiceContext,
  store: HostStore,
  parts: PlatformParts,
): Promise<HostTpm | undefined> {
  const { tpm: kind, tpmPort, ekAlgorithm, attestationFaults } = config;
  if (kind === 'none') return undefined;
  return HostTpm.open({
    context,
    store,
    parts,
    kind,
    listen: tpmPort === undefined ? undefined : { host: TPM_HOST, port: tpmPort },
    ekAlgorithm,
    faultNames: attestationFaults,
  });
}
