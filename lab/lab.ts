import type { AdminServer } from '../core/admin.js';
import type { Clock } from '../core/clock.js';
import { AdjustableClock } from '../core/clock.js';
import type { ServiceContext } from '../core/context.js';
import type { DataDir } from '../core/data-dir.js';
import { makeDataDir } from '../core/data-dir.js';
import { KpsimError } from '../core/errors.js';
import { FaultRegistry } from '../core/faults.js';
import type { Service } from '../core/lifecycle.js';
import type { Logger } from '../core/logging.js';
import { silentLogger } from '../core/logging.js';
import type { Rng } from '../core/rng.js';
import { systemRng } from '../core/rng.js';
import { CertificateStore } from './certificates.js';
import { configureLab } from './configure/index.js';
import { Ground } from './ground.js';
import { startLabAdmin } from './lab-admin.js';
import { LabState } from './lab-state.js';
import type { LabHost } from './services/host.js';
import { startServices } from './services/index.js';
import type { LabServices } from './services/index.js';
import type { LabKeyServer } from './services/key-server.js';
import type { LabTrustAuthority } from './services/trust-authority.js';
import type { LabVcenter } from './services/vcenter.js';
import { hostsOf } from './topology/index.js';
import type { HostAddress, Topology } from './topology/index.js';

/** Choices for {@link startLab}. */
export interface LabOptions {
  /** Where everything is kept; without it a temporary directory, removed when the lab stops. */
  readonly dataDir?: string | undefined;
  /** Address that all services listen on; 127.0.0.1 unless told. */
  readonly host?: string | undefined;
  /** Starts the admin listener of the whole lab on that port; 0 for any, none without. */
  readonly adminPort?: number | undefined;
  /** One that can be moved unless told. */
  readonly clock?: Clock | undefined;
  /** Ids and choices; never keys. */
  readonly rng?: Rng | undefined;
  readonly log?: Logger | undefined;
  /** Told what is being done, for people who wait. */
  readonly onProgress?: ((what: string) => void) | undefined;
  /** Gives the start up when it is aborted, between two of its parts; with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** vMotion addresses that hosts advertise in place of their own, by host name: those of relays before them. */
  readonly vmotionAddresses?: Readonly<Record<string, HostAddress>> | undefined;
}

/** A running lab: services as a topology describes them, configured through their own APIs. */
export class Lab {
  readonly topology: Topology;
  readonly certificates: CertificateStore;
  /** Faults of all services; each names the service that it strikes. */
  readonly faults: FaultRegistry;
  readonly clock: Clock;
  /** The admin listener, if one was asked for. */
  readonly admin: AdminServer | undefined;
  readonly #ground: Ground;
  readonly #services: LabServices;
  readonly #dataDir: DataDir;
  #stopping: Promise<void> | undefined;

  constructor(parts: {
    readonly topology: Topology;
    readonly ground: Ground;
    readonly services: LabServices;
    readonly dataDir: DataDir;
    readonly admin: AdminServer | undefined;
  }) {
    this.topology = parts.topology;
    this.certificates = parts.ground.certificates;
    this.faults = parts.ground.faults;
    this.clock = parts.ground.clock;
    this.admin = parts.admin;
    this.#ground = parts.ground;
    this.#services = parts.services;
    this.#dataDir = parts.dataDir;
  }

  /** Directory of the lab. */
  get dataDir(): string {
    return this.#dataDir.path;
  }

  /** A key server by its name. @throws KpsimError `not_in_topology` */
  keyServer(name: string): LabKeyServer {
    return named(this.#services.keyServers, name, 'key server');
  }

  /** A Trust Authority by its name. @throws KpsimError `not_in_topology` */
  trustAuthority(name: string): LabTrustAuthority {
    return named(this.#services.trustAuthorities, name, 'Trust Authority');
  }

  /** A host by its name. @throws KpsimError `not_in_topology` */
  host(name: string): LabHost {
    return named(this.#services.hosts, name, 'host');
  }

  /** A vCenter by its name. @throws KpsimError `not_in_topology` */
  vcenter(name: string): LabVcenter {
    return named(this.#services.vcenters, name, 'vCenter');
  }

  /** All parts, in the order of the topology. */
  get services(): LabServices {
    return this.#services;
  }

  /** Everything that runs, as `/readyz` tells of it. */
  get running(): readonly Service[] {
    return this.#ground.services;
  }

  /** Journal, metrics and log of a service. @throws KpsimError `not_in_topology` */
  context(service: string): ServiceContext {
    const found = this.#ground.contexts.get(service);
    if (found) return found;
    throw notInTopology('service', service, [...this.#ground.contexts.keys()]);
  }

  /** Stops everything and removes a temporary data directory; may be called more than once. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.admin?.close();
    await this.#ground.stop();
    await this.#dataDir.remove();
  }
}

/**
 * Starts a lab in this process: certificates, services on real sockets, inventory, users, key providers, VMs.
 * A data directory that was used before comes back as it was, on the same ports.
 *
 * @throws KpsimError of whatever cannot be started or configured; nothing is left running then
 */
export async function startLab(topology: Topology, options: LabOptions = {}): Promise<Lab> {
  const dataDir = await makeDataDir(options.dataDir, options.onProgress);
  let ground: Ground | undefined;
  let admin: AdminServer | undefined;
  try {
    ground = await makeGround(topology, dataDir.path, options);
    const { adminPort, signal } = options;
    const onProgress = (what: string): void => {
      signal?.throwIfAborted();
      options.onProgress?.(what);
    };
    let ready = false;
    const hosts: LabHost[] = [];
    // First of all: a port that is taken is to be found out before minutes of work.
    admin =
      adminPort === undefined
        ? undefined
        : await startLabAdmin(ground, adminPort, {
            isReady: () => ready,
            hosts: () => hosts,
          });
    tellForeign(topology, ground, onProgress);
    const services = await startServices(topology, ground, { ...options, onProgress });
    hosts.push(...services.hosts);
    await configureLab(topology, services, ground, onProgress);
    await ground.state.save();
    signal?.throwIfAborted();
    ready = true;
    return new Lab({ topology, ground, services, dataDir, admin });
  } catch (error) {
    await admin?.close();
    await ground?.stop();
    await dataDir.remove();
    throw error;
  }
}

/** Services of an earlier topology keep their files; whoever renamed one should know. */
function tellForeign(topology: Topology, { state }: Ground, tell: (what: string) => void): void {
  const named = new Set([
    ...[...topology.keyServers, ...topology.trustAuthorities, ...topology.vcenters].map(({ name }) => name),
    ...hostsOf(topology).map(({ spec }) => spec.name),
  ]);
  const foreign = state.services.filter((name) => !named.has(name) && !named.has(name.replace(/-nkp$/, '')));
  if (foreign.length > 0) {
    tell(`leaving alone what this topology does not name: ${foreign.join(', ')}`);
  }
}

async function makeGround(topology: Topology, dataDir: string, options: LabOptions): Promise<Ground> {
  const clock = options.clock ?? new AdjustableClock();
  const rng = options.rng ?? systemRng;
  const { commonName } = topology.certificateAuthority;
  return new Ground({
    host: options.host ?? '127.0.0.1',
    dataDir,
    certificates: await CertificateStore.open(dataDir, { commonName, clock }),
    state: await LabState.load(dataDir),
    clock,
    rng,
    log: options.log ?? silentLogger,
    faults: new FaultRegistry(rng),
  });
}

function named<T extends { readonly name: string }>(rows: readonly T[], name: string, what: string): T {
  const found = rows.find((row) => row.name === name);
  if (found) return found;
  throw notInTopology(
    what,
    name,
    rows.map((row) => row.name),
  );
}

function notInTopology(what: string, name: string, known: readonly string[]): KpsimError {
  const list = known.length === 0 ? 'none' : known.join(', ');
  return new KpsimError('not_in_topology', `This lab has no ${what} named ${name}; it has ${list}.`);
}
