import { join } from 'node:path';

import type { Clock } from '../core/clock.js';
import type { ServiceContext } from '../core/context.js';
import { createContext } from '../core/context.js';
import { makePrivateDir } from '../core/data-dir.js';
import type { FaultRegistry } from '../core/faults.js';
import { urlOf } from '../core/http/index.js';
import type { Endpoint, Service } from '../core/lifecycle.js';
import { endpointNamed } from '../core/lifecycle.js';
import type { Logger } from '../core/logging.js';
import type { KeyAndCertificate } from '../core/pki/index.js';
import type { Rng } from '../core/rng.js';
import type { CertificateStore } from './certificates.js';
import type { LabState } from './lab-state.js';

/** Common name of the lab's own client certificate: every service knows it as an administrator. */
export const LAB_ADMINISTRATOR = 'admin';

/** Addresses that mean every address of the machine; whoever connects needs one of them. */
const WILDCARDS: readonly string[] = ['0.0.0.0', '::'];

/** What a {@link Ground} is made of. */
export interface GroundParts {
  /** Address that all services listen on. */
  readonly host: string;
  readonly dataDir: string;
  readonly certificates: CertificateStore;
  readonly state: LabState;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** One for the whole lab: a fault names its service. */
  readonly faults: FaultRegistry;
}

/** What the services of one lab stand on, and the list of what runs. */
export class Ground {
  readonly host: string;
  readonly dataDir: string;
  readonly certificates: CertificateStore;
  readonly state: LabState;
  readonly clock: Clock;
  readonly faults: FaultRegistry;
  readonly #parts: GroundParts;
  readonly #contexts = new Map<string, ServiceContext>();
  readonly #running: Service[] = [];
  readonly #clients = new Set<{ close(): Promise<void> }>();

  constructor(parts: GroundParts) {
    this.#parts = parts;
    this.host = parts.host;
    this.dataDir = parts.dataDir;
    this.certificates = parts.certificates;
    this.state = parts.state;
    this.clock = parts.clock;
    this.faults = parts.faults;
  }

  /** Every service that was started, in that order. */
  get services(): readonly Service[] {
    return this.#running;
  }

  /** The contexts that services were given, by service. */
  get contexts(): ReadonlyMap<string, ServiceContext> {
    return this.#contexts;
  }

  /** The context of a service; its files are in a directory of its name. */
  async contextOf(name: string): Promise<ServiceContext> {
    const known = this.#contexts.get(name);
    if (known) return known;
    const context = await this.ownContext(name);
    this.#contexts.set(name, context);
    return context;
  }

  /** A context that belongs to no service. */
  async ownContext(name: string): Promise<ServiceContext> {
    const { clock, rng, log, faults } = this.#parts;
    return createContext({
      clock,
      rng,
      faults,
      log: log.child({ service: name }),
      dataDir: await makePrivateDir(join(this.dataDir, name)),
    });
  }

  /** What every service's configuration has in common. */
  async common(name: string): Promise<{
    readonly name: string;
    readonly host: string;
    readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
    readonly trustedCaPem: string;
  }> {
    const { chainPem, privateKeyPem } = await this.certificates.server(name, this.host);
    return {
      name,
      host: this.host,
      tls: { certificatePem: chainPem, privateKeyPem },
      trustedCaPem: this.certificates.caPem,
    };
  }

  /** Starts a service and remembers its ports. */
  async start(service: Service): Promise<(endpoint: string) => Endpoint> {
    this.#running.push(service);
    const endpoints = await service.start();
    for (const { name, port } of endpoints) this.state.keepPort(`${service.name}/${name}`, port);
    return (name) => reachable(endpointNamed(endpoints, name));
  }

  /** The port that a service's endpoint is to listen on. */
  port(service: string, endpoint: string, wanted: number): number {
    return this.state.port(`${service}/${endpoint}`, wanted);
  }

  /** The certificate of a client of this lab, the administrator's unless another is named. */
  clientCertificate(commonName: string = LAB_ADMINISTRATOR): Promise<KeyAndCertificate> {
    return this.certificates.client(commonName);
  }

  /** Has a client closed when the lab stops. */
  keep<T extends { close(): Promise<void> }>(client: T): T {
    this.#clients.add(client);
    return client;
  }

  /** Closes all clients, then stops all services, the last started first. */
  async stop(): Promise<void> {
    await Promise.allSettled([...this.#clients].map((client) => client.close()));
    this.#clients.clear();
    for (const service of this.#running.splice(0).reverse()) await service.stop();
  }
}

/** The endpoint as others on this machine reach it. */
function reachable(endpoint: Endpoint): Endpoint {
  const { host, port, url } = endpoint;
  if (!WILDCARDS.includes(host)) return endpoint;
  return { ...endpoint, host: '127.0.0.1', url: urlOf('127.0.0.1', port, url.split(':', 1)[0]) };
}
