import type { ServiceContext } from '../../core/context.js';
import { KpsimError } from '../../core/errors.js';
import { x509 } from '../../core/pki/x509.js';
import type { AttestIdentity, ChallengeContext } from '../../wire/attestation/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import { AK_TEMPLATES, encodeTpm2bPublic, publicKeyOf } from '../../wire/tpm2/index.js';
import type { EkAlgorithm, TpmtPublic } from '../../wire/tpm2/index.js';
import type { TpmEndorsement } from '../api/results.js';
import { DEFAULT_SECURE_BOOT, EVIDENCE_FAULTS, EvidenceFaults, measuredBoot } from '../boot/index.js';
import type { HostStore } from '../store.js';
import { TpmClient } from '../tpm/index.js';
import type { AskChallenge, HostControls, TpmAddress, TpmKey, TpmKind } from '../tpm/index.js';
import { Exclusive } from '../vm/exclusive.js';
import { TpmSupply } from './tpm-supply.js';
import type { PlatformParts, SuppliedTpm } from './tpm-supply.js';

/** How a host boots. */
export interface BootSettings {
  readonly image: BaseImage;
  readonly secureBoot: boolean;
}

/** What TPM a host has. */
export interface HostTpmOptions {
  readonly context: ServiceContext;
  readonly store: HostStore;
  readonly parts: PlatformParts;
  readonly kind: TpmKind;
  /** Where it listens in swtpm's manner, port 0 for any; a software TPM does not unless given. */
  readonly listen?: TpmAddress | undefined;
  /** The endorsement key that the host attests with; RSA 2048, as a Trust Authority expects, unless given. */
  readonly ekAlgorithm?: EkAlgorithm | undefined;
  /** Faults of the catalogue, active from the start. */
  readonly faultNames: readonly string[];
}

/** Faults that are in a boot, or not, for as long as it runs. */
const BOOT_FAULT_NAMES: ReadonlySet<string> = new Set(
  EVIDENCE_FAULTS.filter(({ bites }) => bites === 'boot').map(({ name }) => name),
);

/** What was measured at boot, and the key that quotes it. */
interface Boot {
  readonly eventLog: Buffer;
  readonly ak: TpmKey;
}

/**
 * The TPM of a host, built-in or a swtpm: made once, kept in the data directory, and what was measured into it at boot.
 * Faults of the catalogue break the TPM, the boot or the evidence at their stages.
 */
export class HostTpm {
  /** The faults that are active; see {@link setFaults}. */
  readonly faults: EvidenceFaults;
  /** The endorsement key that the host attests with. */
  readonly ekAlgorithm: EkAlgorithm;
  readonly #context: ServiceContext;
  readonly #supply: TpmSupply;
  readonly #exclusive = new Exclusive();
  readonly #controls: HostControls;
  #supplied: SuppliedTpm;
  #client: TpmClient;
  #settings: BootSettings | undefined;
  #boot: Boot | undefined;
  #bootFaults: readonly string[] = [];

  private constructor(
    options: HostTpmOptions,
    faults: EvidenceFaults,
    supply: TpmSupply,
    supplied: SuppliedTpm,
  ) {
    this.#context = options.context;
    this.ekAlgorithm = options.ekAlgorithm ?? 'rsa2048';
    this.faults = faults;
    this.#supply = supply;
    this.#supplied = supplied;
    this.#client = this.#connect();
    this.#listen();
    this.#controls = {
      clock: options.context.clock,
      snapshot: () => this.#alone(() => this.#supplied.device.snapshot()),
      restore: (state) =>
        this.#alone(async () => {
          await this.#supplied.device.restore(state);
          await this.#measure();
        }),
      reboot: () =>
        this.#alone(async () => {
          await this.#shutDown();
          await this.#supplied.device.reset();
          await this.#measure();
        }),
    };
  }

  /**
   * Loads the host's TPM, or makes one; it waits for {@link boot}.
   *
   * @throws KpsimError `fault_unknown`, `tpm_program_missing`, `port_in_use`, `tpm_state_invalid`, `tpm_unavailable`
   */
  static async open(options: HostTpmOptions): Promise<HostTpm> {
    const { context, store, parts, kind, listen } = options;
    const faults = new EvidenceFaults(options.faultNames);
    const supply = new TpmSupply({ context, store, parts, faults, kind, listen });
    return new HostTpm(options, faults, supply, await supply.open());
  }

  /** Where other programs can reach the TPM; undefined if nowhere. */
  get address(): TpmAddress | undefined {
    return this.#supplied.device.address;
  }

  /** Starts the TPM and measures the boot into it. A TPM that fails does not keep the host from booting. */
  boot(settings: BootSettings): Promise<void> {
    this.#settings = settings;
    return this.#alone(async () => {
      try {
        await this.#measure();
      } catch (error) {
        if (!(error instanceof KpsimError)) throw error;
        this.#context.log.warn({ err: error }, 'the TPM failed at boot: the host will not attest');
      }
      await this.#supply.save(this.#supplied);
    });
  }

  /**
   * Cuts the power and gives it back: PCRs, transient objects and sessions are gone. {@link boot} must follow. When
   * faults of the TPM's making have changed, the host has another TPM from now on.
   */
  powerCycle(): Promise<void> {
    return this.#alone(async () => {
      this.#boot = undefined;
      await this.#shutDown();
      if (this.#supply.isOutdated(this.#supplied)) {
        this.#supplied = await this.#supply.replace(this.#supplied);
        this.#client = this.#connect();
        this.#listen();
        return;
      }
      try {
        await this.#supplied.device.reset();
      } catch (error) {
        if (!(error instanceof KpsimError)) throw error;
        this.#context.log.warn({ err: error }, 'the TPM was not reset');
      }
    });
  }

  /**
   * Replaces the active faults. Those of boot and attestation key take effect at the next boot, those of the TPM's
   * making too; all others with the next attestation.
   *
   * @throws KpsimError `fault_unknown`; the active faults are as before
   */
  setFaults(names: readonly string[]): Promise<void> {
    const wanted = new Set(new EvidenceFaults(names).names);
    return this.#alone(() => {
      const active = new Set(this.faults.names);
      for (const name of active) if (!wanted.has(name)) this.faults.remove(name);
      for (const name of wanted) if (!active.has(name)) this.faults.add(name);
      this.#client = this.#connect();
      return Promise.resolve();
    });
  }

  /** Names of the faults that the running boot has; those that were cleared since are among them until the next one. */
  get bootFaults(): readonly string[] {
    return this.#bootFaults;
  }

  /** Lets faults act before an attestation begins. */
  beginAttestation(): Promise<void> {
    return this.faults.begin(this.#controls);
  }

  /** The challenge that is to be answered. @param ask sends round 1 */
  challenge(ask: AskChallenge): Promise<ChallengeContext> {
    return this.faults.ask(ask, this.#controls);
  }

  /** The TCG2 event log of the last boot; empty if the TPM failed. */
  get eventLog(): Buffer {
    return this.#boot?.eventLog ?? Buffer.alloc(0);
  }

  /** The attestation key of this boot. @throws KpsimError `tpm_unavailable` if the TPM failed at boot or since */
  get attestationKey(): TpmKey {
    if (this.#boot) return this.#boot.ak;
    throw new KpsimError(
      'tpm_unavailable',
      'The TPM failed when the host booted, or has lost its power since: reboot the host.',
    );
  }

  /** Runs `work` alone: a TPM carries out one sequence of commands at a time. */
  withTpm<T>(work: (tpm: TpmClient) => Promise<T>): Promise<T> {
    return this.#alone(() => work(this.#client));
  }

  /** What the host presents itself with to attestation services: the bytes as the TPM has them, in base64. */
  async identity(): Promise<AttestIdentity> {
    const { publicArea, certificate } = await this.#readEndorsement();
    return {
      ...(certificate && { ek_cert: certificate.toString('base64') }),
      ek_pub: encodeTpm2bPublic(publicArea).toString('base64'),
    };
  }

  /** What the TPM is known by: the endorsement key that the host attests with. */
  async endorsement(): Promise<TpmEndorsement> {
    const { publicArea, certificate } = await this.#readEndorsement();
    return {
      endorsementKeyBase64: encodeTpm2bPublic(publicArea).toString('base64'),
      endorsementKeyPem: publicKeyOf(publicArea).export({ type: 'spki', format: 'pem' }).toString(),
      ...(certificate && { certificatePem: `${x509.PemConverter.encode(certificate, 'CERTIFICATE')}\n` }),
      issuersPem: certificate ? this.#supplied.issuersPem : [],
    };
  }

  /** Shuts the TPM down, keeps its state and switches it off. */
  close(): Promise<void> {
    return this.#alone(async () => {
      try {
        await this.#shutDown();
        await this.#supply.save(this.#supplied);
      } finally {
        await this.#supplied.device.close();
      }
    });
  }

  #readEndorsement(): Promise<{ readonly publicArea: TpmtPublic; readonly certificate: Buffer | undefined }> {
    return this.withTpm(async (tpm) => ({
      publicArea: (await tpm.ensureEk(this.ekAlgorithm)).publicArea,
      certificate: await tpm.ekCertificate(this.ekAlgorithm),
    }));
  }

  /** One at a time; between two, the bus is free for other programs. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#exclusive.run(async () => {
      try {
        return await work();
      } finally {
        await this.#client.close();
      }
    });
  }

  #connect(): TpmClient {
    return new TpmClient(this.faults.transport(this.#supplied.device.transport()));
  }

  #listen(): void {
    const { device } = this.#supplied;
    device.onRestart(() => {
      // What it measured is gone with its power, and so is the key.
      if (this.#supplied.device === device) this.#boot = undefined;
    });
  }

  async #measure(): Promise<void> {
    if (!this.#settings) throw new KpsimError('tpm_unavailable', 'The host has not booted yet: boot it.');
    this.#boot = undefined;
    const { image, secureBoot } = this.#settings;
    const { device } = this.#supplied;
    const tpm = this.#client;
    this.#bootFaults = this.faults.names.filter((name) => BOOT_FAULT_NAMES.has(name));
    const options = this.faults.boot({
      tpm,
      image,
      secureBoot: { ...DEFAULT_SECURE_BOOT, enabled: secureBoot },
    });
    await device.setLocality(options.startupLocality ?? 0);
    await tpm.startup();
    await device.setLocality(0);
    const { eventLog } = await measuredBoot(options);
    const template = this.faults.ak(AK_TEMPLATES['p256-ecdsa-sha256']);
    this.#boot = { eventLog, ak: await tpm.createAk({ template }) };
  }

  async #shutDown(): Promise<void> {
    try {
      await this.#client.shutdown();
    } catch (error) {
      if (!(error instanceof KpsimError)) throw error;
      this.#context.log.warn({ err: error }, 'the TPM was not shut down orderly');
    }
  }
}
