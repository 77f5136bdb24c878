import { AdjustableClock } from '../../core/clock.js';
import type { DataDir } from '../../core/data-dir.js';
import { makeDataDir } from '../../core/data-dir.js';
import { FaultRegistry } from '../../core/faults.js';
import type { Logger } from '../../core/logging.js';
import { silentLogger } from '../../core/logging.js';
import { systemRng } from '../../core/rng.js';
import type { TrustedServiceSpec } from '../../host-agent/index.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import type { NetworkAddress } from '../../wire/attestation/index.js';
import { packImgdb, presetBaseImage } from '../../wire/esx-image/index.js';
import { CertificateStore } from '../certificates.js';
import { configureTrustedKeyProvider } from '../configure/trust-authority.js';
import { Ground } from '../ground.js';
import type { GroundParts } from '../ground.js';
import { LabState } from '../lab-state.js';
import { LabKeyServer } from '../services/key-server.js';
import { LabTrustAuthority } from '../services/trust-authority.js';
import { settleAll } from '../settle-all.js';
import type { Mend } from './play.js';
import { StageHost } from './stage-host.js';

/** What stands in for the TPMs of the hosts of a stage. */
export type StageTpm = 'software' | 'swtpm';

/** Choices for {@link Stage.build}. */
export interface StageOptions {
  readonly tpm: StageTpm;
  /** Moved by scenarios, and put back by them; one that runs with the machine's unless given. */
  readonly clock?: AdjustableClock | undefined;
  readonly log?: Logger | undefined;
}

/** The group of the stage's services. */
export const STAGE_GROUP = 'group-1';
/** The trusted key provider that hosts ask for keys. */
export const STAGE_PROVIDER = 'tkp-1';
/** Life of the tokens, seconds. */
export const TOKEN_LIFE_SECONDS = 8 * 3600;

const FIRST = 'ta-1';
const SECOND = 'ta-2';
const KEY_PROVIDER_SERVICE = 'kps-1';
const KEY_SERVER = 'kms-1';

/**
 * Where scenarios are played: two attestation services of one group, a key provider service, a key server, and hosts
 * that are made as they are needed. All of them are the real ones, over real sockets.
 */
export class Stage {
  readonly tpm: StageTpm;
  readonly ground: Ground;
  readonly clock: AdjustableClock;
  /** The clock of the second attestation service alone; it runs with `clock`. */
  readonly secondClock: AdjustableClock;
  readonly vendor: TpmVendor;
  readonly #parts: Omit<GroundParts, 'clock'>;
  /** What each Trust Authority and the key server last started on. */
  readonly #grounds = new Map<string, Ground>();
  readonly #dataDir: DataDir;
  readonly #hosts = new Set<StageHost>();
  #authorities = new Map<string, LabTrustAuthority>();
  #keyServer: LabKeyServer | undefined;
  #honest: Promise<StageHost> | undefined;
  #hostNumber = 0;
  #furtherNumber = 0;

  private constructor(
    options: StageOptions,
    parts: {
      readonly dataDir: DataDir;
      readonly ground: Omit<GroundParts, 'clock'>;
      readonly clock: AdjustableClock;
      readonly secondClock: AdjustableClock;
      readonly vendor: TpmVendor;
    },
  ) {
    this.tpm = options.tpm;
    this.#dataDir = parts.dataDir;
    this.#parts = parts.ground;
    this.ground = new Ground({ ...parts.ground, clock: parts.clock });
    this.clock = parts.clock;
    this.secondClock = parts.secondClock;
    this.vendor = parts.vendor;
  }

  /** Starts and configures the services. */
  static async build(options: StageOptions): Promise<Stage> {
    const dataDir = await makeDataDir();
    const clock = options.clock ?? new AdjustableClock();
    const secondClock = new AdjustableClock(clock);
    const ground = {
      host: '127.0.0.1',
      dataDir: dataDir.path,
      // With the machine's clock, by which TLS judges certificates, however far a scenario moves the stage's.
      certificates: await CertificateStore.open(dataDir.path),
      state: await LabState.load(dataDir.path),
      rng: systemRng,
      log: options.log ?? silentLogger,
      faults: new FaultRegistry(systemRng),
    };
    const stage = new Stage(options, {
      dataDir,
      clock,
      secondClock,
      ground,
      vendor: await createTpmVendor({ clock }),
    });
    try {
      await stage.#configure();
      return stage;
    } catch (error) {
      await stage.stop();
      throw error;
    }
  }

  /** The first attestation service of the group. */
  get first(): LabTrustAuthority {
    return this.#authority(FIRST);
  }

  /** The second one, whose clock is {@link secondClock}. */
  get second(): LabTrustAuthority {
    return this.#authority(SECOND);
  }

  /** The Trust Authority whose key provider service hosts ask for keys. */
  get keyProviderService(): LabTrustAuthority {
    return this.#authority(KEY_PROVIDER_SERVICE);
  }

  /** The key server with the primary keys. */
  get keyServer(): LabKeyServer {
    if (this.#keyServer) return this.#keyServer;
    throw new Error('the key server is not started, which is a defect');
  }

  /** Both attestation services as a host is told of them. */
  get attestationServices(): readonly TrustedServiceSpec[] {
    return [this.serviceOf(this.first), this.serviceOf(this.second)];
  }

  /** An attestation service as a host is told of it. */
  serviceOf({ attestationEndpoint, group }: LabTrustAuthority): TrustedServiceSpec {
    return { address: attestationEndpoint.url, trusted_CA: this.ground.certificates.caPem, group };
  }

  /** Boots a host of its own name and TPM; faults are those that it boots with from the beginning. */
  async bootHost(faults: readonly string[] = []): Promise<StageHost> {
    this.#hostNumber += 1;
    const host = await StageHost.boot(this, `esx-${this.#hostNumber}`, faults);
    this.#hosts.add(host);
    return host;
  }

  /** Shuts a host down. */
  async shutDown(host: StageHost): Promise<void> {
    this.#hosts.delete(host);
    await host.close();
  }

  /** A host without faults, the same one every time, attested anew. */
  async honestHost(): Promise<StageHost> {
    const host = await (this.#honest ??= this.bootHost());
    await host.mustAttest();
    return host;
  }

  /** Starts a further attestation service for one play, which trusts the hosts as the others do. */
  async furtherAuthority(mend: Mend, group: string): Promise<LabTrustAuthority> {
    this.#furtherNumber += 1;
    const authority = await this.#startAuthority(`ta-further-${this.#furtherNumber}`, group);
    mend(() => this.takeDown(authority.name));
    await this.trustHosts(authority);
    return authority;
  }

  /** Stops a service; it comes back on the same ports with {@link restart}. */
  async takeDown(name: string): Promise<void> {
    await this.#grounds.get(name)?.stop();
  }

  /** Starts a service again that was taken down. */
  async restart(name: string): Promise<void> {
    if (name === KEY_SERVER) this.#keyServer = await this.#startKeyServer();
    else await this.#startAuthority(name, this.#authority(name).group);
  }

  /** Has the key provider service accept the documents of an attestation service; returns how to end that. */
  async register(address: NetworkAddress, group: string): Promise<() => Promise<void>> {
    const { attestationServices } = await this.keyProviderService.keyProviderService();
    const id = await attestationServices.register({
      address,
      trusted_CA: { cert_chain: [this.ground.certificates.caPem] },
      group,
    });
    return () => attestationServices.delete(id);
  }

  /** Has the key provider service forget what it knows of an attestation service, by registering it anew. */
  async registerAnew({ attestationEndpoint, group }: LabTrustAuthority): Promise<void> {
    const { attestationServices } = await this.keyProviderService.keyProviderService();
    const known = (await attestationServices.list()).find(
      ({ address }) => httpsUrlOf(address) === attestationEndpoint.url,
    );
    if (known) await attestationServices.delete(known.service);
    await this.register(networkAddressOf(attestationEndpoint.url), group);
  }

  /** Makes a trusted key provider with a primary key of its own. */
  async makeProvider(name: string): Promise<void> {
    await configureTrustedKeyProvider(
      [this.keyProviderService],
      name,
      [this.keyServer],
      this.ground.certificates,
    );
  }

  /** Has an attestation service trust the maker of the hosts' TPMs and the image that they boot. */
  async trustHosts(authority: LabTrustAuthority): Promise<void> {
    const { root, issuing, revoked, crlPem } = this.vendor;
    const attestation = await authority.attestation();
    for (const [name, ca] of Object.entries({ 'tpm-maker': issuing, 'tpm-maker-revoked': revoked })) {
      const chain = { cert_chain: [root.caPem, ca.caPem] };
      await attestation.caCertificates.create({ name, cert_chain: chain, crls: [crlPem] });
    }
    await this.trustImage(authority);
  }

  /** Has an attestation service trust the image that hosts boot; returns its id. */
  async trustImage(authority: LabTrustAuthority): Promise<string> {
    const attestation = await authority.attestation();
    return attestation.baseImages.importFromImgdb(await packImgdb(presetBaseImage('8.0.3')));
  }

  /** Stops everything and removes the files. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#hosts].map((host) => host.close()));
    for (const ground of this.#grounds.values()) await ground.stop();
    await this.ground.stop();
    await this.#dataDir.remove();
  }

  async #configure(): Promise<void> {
    const [keyServer] = await settleAll([
      this.#startKeyServer(),
      this.#startAuthority(FIRST),
      this.#startAuthority(SECOND),
      this.#startAuthority(KEY_PROVIDER_SERVICE),
    ]);
    this.#keyServer = keyServer;
    await settleAll([this.trustHosts(this.first), this.trustHosts(this.second)]);
    await this.registerAnew(this.first);
    await this.registerAnew(this.second);
    await this.makeProvider(STAGE_PROVIDER);
  }

  async #startAuthority(name: string, group = STAGE_GROUP): Promise<LabTrustAuthority> {
    const authority = await LabTrustAuthority.start(specOf(name, group), this.#groundFor(name));
    this.#authorities.set(name, authority);
    return authority;
  }

  #startKeyServer(): Promise<LabKeyServer> {
    return LabKeyServer.start({ name: KEY_SERVER, port: 0, credentials: [] }, this.#groundFor(KEY_SERVER));
  }

  #authority(name: string): LabTrustAuthority {
    const found = this.#authorities.get(name);
    if (found) return found;
    throw new Error(`the Trust Authority ${name} is not started, which is a defect`);
  }

  /** A ground of the service's own, so that it can be stopped, and started again as a new process would be. */
  #groundFor(name: string): Ground {
    const clock = name === SECOND ? this.secondClock : this.clock;
    const ground = new Ground({ ...this.#parts, clock });
    this.#grounds.set(name, ground);
    return ground;
  }
}

function specOf(name: string, group: string): Parameters<typeof LabTrustAuthority.start>[0] {
  return {
    name,
    group,
    attestationPort: 0,
    keyProviderPort: 0,
    tokenLifetimeSeconds: TOKEN_LIFE_SECONDS,
  };
}
