import type { Clock } from '../../core/clock.js';
import { KpsimError, errorText } from '../../core/errors.js';
import { HttpClient } from '../../core/http/index.js';
import type { Logger } from '../../core/logging.js';
import type { CryptoMode, HostAbout, HostProvider, TrustedServicesSpec } from '../../host-agent/client.js';
import { HostAgentClient } from '../../host-agent/client.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { VcenterConfig } from '../config.js';
import type { HostEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import { VmRegister } from './vm-register.js';

/** What was last heard of a host. */
export interface HostState {
  readonly connected: boolean;
  readonly about?: HostAbout | undefined;
  readonly crypto?: CryptoMode | undefined;
  readonly providers: readonly HostProvider[];
  /** Its Trust Authority services; absent on a host that has none. */
  readonly trusted?: TrustedServicesSpec | undefined;
  /** When it was asked, milliseconds since the epoch. */
  readonly askedAt: number;
}

/** A host that did not answer is not asked again before this many milliseconds have passed. */
const RETRY_AFTER_MS = 2000;
/** State older than this is asked for again before a request is answered from it. */
const FRESH_MS = 1000;
/** A host whose key could not be had is tried again after so long. */
const SETTLE_AGAIN_MS = 30_000;
/** Longest wait for a host that is only asked how it stands. */
const PROBE_TIMEOUT_MS = 10_000;

/** Connections to the hosts of a vCenter, and what was last heard of each. */
export class Hosts {
  readonly vms: VmRegister;
  readonly #config: Pick<VcenterConfig, 'tls' | 'trustedCaPem'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #inventory: Inventory;
  readonly #changed: () => void;
  readonly #clients = new Map<string, HostAgentClient>();
  readonly #states = new Map<string, HostState>();
  readonly #asking = new Map<string, Promise<HostState>>();
  readonly #settling = new Map<string, Promise<void>>();
  readonly #settledAt = new Map<string, number>();
  #closed = false;
  #settle: (host: HostEntity) => Promise<void> = () => Promise.resolve();

  constructor(
    config: Pick<VcenterConfig, 'tls' | 'trustedCaPem'>,
    parts: {
      readonly clock: Clock;
      readonly log: Logger;
      readonly inventory: Inventory;
      readonly changed: () => void;
    },
  ) {
    this.#config = config;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#inventory = parts.inventory;
    this.#changed = parts.changed;
    this.vms = new VmRegister(parts.inventory);
  }

  /** What is to be done for a host that is heard of again or has booted: give it what it missed or lost. */
  onReturn(settle: (host: HostEntity) => Promise<void>): void {
    this.#settle = settle;
  }

  /** Resolves when a host that has returned was given what it missed, or that has failed for now. */
  async whenSettled(moid: string): Promise<void> {
    await this.#settling.get(moid);
  }

  /** The client of a host. */
  client(host: Pick<HostEntity, 'moid' | 'address'>): HostAgentClient {
    const known = this.#clients.get(host.moid);
    if (known) return known;
    if (this.#closed) throw new VimFault('RequestCanceled', 'The vCenter is stopping.');
    const client = this.#newClient(host.address);
    this.#clients.set(host.moid, client);
    return client;
  }

  /** What was last heard of a host; nothing yet counts as not connected. */
  state(moid: string): HostState {
    return this.#states.get(moid) ?? { connected: false, providers: [], askedAt: 0 };
  }

  /** The state of a host that must be there. @throws VimFault `HostNotConnected` */
  requireConnected(host: HostEntity): HostState & { readonly about: HostAbout } {
    const state = this.state(host.moid);
    if (state.connected && state.about) return { ...state, about: state.about };
    throw new VimFault(
      'HostNotConnected',
      `Host ${host.name} is not connected; start its agent, or reconnect it.`,
    );
  }

  /** Asks a host that is to be added who it is. @throws VimFault `SSLVerifyFault`, `NoHost` */
  async probe(address: string, thumbprint?: string): Promise<HostAbout> {
    if (thumbprint !== undefined) await this.#checkThumbprint(address, thumbprint);
    const client = this.#newClient(address, PROBE_TIMEOUT_MS);
    try {
      return await client.about();
    } catch (error) {
      throw new VimFault(
        'NoHost',
        `There is no host agent at ${address} that this vCenter can manage: ${errorText(error)}`,
        { fields: { name: address }, cause: error },
      );
    } finally {
      await client.close();
    }
  }

  /** Asks a host anew how it stands, and takes up its VMs. */
  refresh(host: HostEntity): Promise<HostState> {
    const asking = this.#asking.get(host.moid);
    if (asking) return asking;
    const asked = this.#ask(host).finally(() => this.#asking.delete(host.moid));
    this.#asking.set(host.moid, asked);
    return asked;
  }

  /** Refreshes all hosts whose state is old. */
  refreshAll(maxAgeMs = FRESH_MS): Promise<void> {
    return this.refreshStale(this.#inventory.ofType('HostSystem'), maxAgeMs);
  }

  /** Refreshes those of the hosts given whose state is old. */
  async refreshStale(hosts: readonly HostEntity[], maxAgeMs = FRESH_MS): Promise<void> {
    const now = this.#clock.now();
    const old = hosts.filter((host) => {
      const { connected, askedAt } = this.state(host.moid);
      const age = Math.abs(now - askedAt); // a clock that was set back must not freeze what is known
      return host.disconnected !== true && age >= (connected ? maxAgeMs : RETRY_AFTER_MS);
    });
    await Promise.all(old.map((host) => this.refresh(host)));
  }

  /** Closes the connections of a host that was removed or disconnected. */
  async forget(moid: string): Promise<void> {
    this.#states.delete(moid);
    this.#settledAt.delete(moid);
    const client = this.#clients.get(moid);
    this.#clients.delete(moid);
    await client?.close();
  }

  /** Closes all connections; what is under way on hosts ends with an error. */
  async close(): Promise<void> {
    this.#closed = true;
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all([...this.#asking.values(), ...this.#settling.values()]);
  }

  async #ask(host: HostEntity): Promise<HostState> {
    const before = this.state(host.moid);
    const state = await this.#heard(host);
    if (!this.#inventory.get(host.moid)) return state; // removed meanwhile
    this.#states.set(host.moid, state);
    if (state.connected !== before.connected) {
      this.#log.info({ host: host.name, connected: state.connected }, 'host connection changed');
    }
    if (JSON.stringify({ ...state, askedAt: 0 }) !== JSON.stringify({ ...before, askedAt: 0 })) {
      this.#changed();
    }
    if (this.#hasReturned(host.moid, before, state)) this.#startSettling(host);
    return state;
  }

  /** Whether a host was away, has booted, or still lacks its own key a while after that was tried last. */
  #hasReturned(moid: string, before: HostState, { connected, about, crypto, askedAt }: HostState): boolean {
    if (!connected || this.#settling.has(moid)) return false;
    if (!before.connected || about?.bootTime !== before.about?.bootTime) return true;
    const lacksKey = crypto?.state === 'safe' && !crypto.hostKeyPresent;
    return lacksKey && Math.abs(askedAt - (this.#settledAt.get(moid) ?? 0)) > SETTLE_AGAIN_MS;
  }

  /** In the background: what a host is given may itself ask the host how it stands. */
  #startSettling(host: HostEntity): void {
    this.#settledAt.set(host.moid, this.#clock.now());
    const settling = this.#settle(host)
      .catch((error: unknown) => {
        this.#log.warn({ err: error, host: host.name }, 'host could not be given what it lacks');
      })
      .finally(() => this.#settling.delete(host.moid));
    this.#settling.set(host.moid, settling);
  }

  async #heard(host: HostEntity): Promise<HostState> {
    const askedAt = this.#clock.now();
    try {
      const client = this.client(host);
      const [about, crypto, providers, services, vms] = await Promise.all([
        client.about(),
        client.cryptoState(),
        client.listProviders(),
        client.trustedServices(),
        client.listVms(),
      ]);
      if (about.id !== host.uuid) {
        throw new KpsimError('host_replaced', `${host.address} is now another host, ${about.id}.`);
      }
      if (this.#inventory.get(host.moid)) this.vms.take(host, about, vms);
      const trusted = services.attestation.length + services.kms.length > 0 ? services : undefined;
      return { connected: true, about, crypto, providers, trusted, askedAt };
    } catch (error) {
      this.#log.debug({ err: error, host: host.name }, 'host did not answer');
      return { ...this.state(host.moid), connected: false, askedAt };
    }
  }

  #newClient(address: string, timeoutMs?: number): HostAgentClient {
    return new HostAgentClient({
      baseUrl: address,
      caPem: this.#config.trustedCaPem,
      clientCertificate: this.#config.tls,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
  }

  async #checkThumbprint(address: string, thumbprint: string): Promise<void> {
    const pinned = new HttpClient({
      baseUrl: address,
      pinnedThumbprintSha256: thumbprint,
      clientCertificate: this.#config.tls,
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    try {
      await pinned.raw('GET', '/api/kpsim/host/about');
    } catch (error) {
      throw new VimFault('SSLVerifyFault', `The certificate of ${address} is not the one expected.`, {
        fields: { selfSigned: false, thumbprint },
        cause: error,
      });
    } finally {
      await pinned.close();
    }
  }
}

/** `HostCommunication` for a host that did not answer in the middle of something; other errors as they are. */
export function hostFault(host: HostEntity, error: unknown): unknown {
  if (!(error instanceof KpsimError) || error.code !== 'unreachable') return error;
  return new VimFault('HostNotReachable', `Host ${host.name} (${referenceOf(host).value}) does not answer.`, {
    cause: error,
  });
}
