import type { ServiceContext } from '../../core/context.js';
import { KpsimError, errorText } from '../../core/errors.js';
import { HostAgentClient } from '../../host-agent/client.js';
import type { HostProvider } from '../../host-agent/client.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { NativeKpConfig } from '../config.js';
import type { NativeKpStore, ProviderRecord } from '../store.js';
import { exclusionOf } from './host.js';
import type { SuppliedHost } from './host.js';
import type { Scheduler } from './scheduler.js';

/** Hosts worked on at the same time. */
const PARALLEL_HOSTS = 8;
const HOST_TIMEOUT_MS = 10_000;
/** After a failed round the next comes sooner than usual: this long after, doubled each time it fails again. */
const FIRST_RETRY_MS = 5_000;

/** How a host stands after the last round. */
export interface HostStatus {
  /** Names of the providers that the host holds as they are now. */
  readonly supplied: ReadonlySet<string>;
  /** Why the host could not be brought up to date; undefined if it is. */
  readonly failure: string | undefined;
}

/** What one round of remediation came to. */
export interface RemediationReport {
  readonly hosts: number;
  /** Hosts that could not be brought up to date, and why. */
  readonly failures: readonly { readonly host: string; readonly reason: string }[];
}

/** What {@link HostSupply} works with. */
export interface HostSupplyParts {
  readonly config: NativeKpConfig;
  readonly context: ServiceContext;
  readonly store: NativeKpStore;
  readonly scheduler: Scheduler;
}

/**
 * Brings every host to what it should hold: the KDK of each provider that it may have, and no other native
 * provider. Runs at every change and every few minutes; a round at a time, a host at a time within it.
 */
export class HostSupply {
  readonly #parts: HostSupplyParts;
  readonly #hosts = new Map<string, SuppliedHost>();
  readonly #clients = new Map<string, HostAgentClient>();
  readonly #statuses = new Map<string, HostStatus>();
  /** By host: the providers pushed since this process started, with the revision that was pushed. */
  readonly #pushed = new Map<string, Map<string, number>>();
  readonly #revisions = new Map<string, number>();
  readonly #pushes;
  #round: Promise<RemediationReport> | undefined;
  #next: Promise<RemediationReport> | undefined;
  #cancelTimer: (() => void) | undefined;
  #retryMs = FIRST_RETRY_MS;
  #stopped = false;

  constructor(parts: HostSupplyParts) {
    this.#parts = parts;
    this.#pushes = parts.context.metrics.counter(
      'kpsim_native_kp_pushes_total',
      'Key derivation keys given to hosts or taken from them',
      ['action', 'outcome'],
    );
  }

  /** Replaces the hosts that are kept supplied. */
  setHosts(hosts: readonly SuppliedHost[]): void {
    const addresses = new Map(hosts.map((host) => [host.host, host.address]));
    for (const [id, known] of this.#hosts) {
      if (addresses.get(id) !== known.address) this.#forget(id);
    }
    this.#hosts.clear();
    for (const host of hosts) this.#hosts.set(host.host, host);
  }

  /** A host by its managed object id. */
  host(id: string): SuppliedHost | undefined {
    return this.#hosts.get(id);
  }

  /** All hosts. */
  hosts(): readonly SuppliedHost[] {
    return [...this.#hosts.values()];
  }

  /** How a host stands; undefined before its first round. */
  status(id: string): HostStatus | undefined {
    return this.#statuses.get(id);
  }

  /** Says that a provider is another one now, so that hosts must be given it again although they have one. */
  changed(provider: string): void {
    this.#revisions.set(provider, this.#revisionOf(provider) + 1);
  }

  /** What a host itself says it holds. @throws KpsimError `unreachable` */
  async ask(host: SuppliedHost): Promise<readonly HostProvider[]> {
    return await this.#clientOf(host).listProviders();
  }

  /** Starts the rounds that come by themselves. */
  start(): void {
    this.#schedule(this.#intervalMs);
  }

  /** Ends them, and waits for the one that is running. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await this.#next?.catch(() => undefined);
    await this.#round?.catch(() => undefined);
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
    this.#clients.clear();
  }

  /** Runs a round that begins after this call; calls made while one is running share the next. */
  remediate(): Promise<RemediationReport> {
    if (!this.#round) return this.#startRound();
    this.#next ??= this.#round.then(
      () => this.#startRound(),
      () => this.#startRound(),
    );
    return this.#next;
  }

  /** Runs a round and waits for it, but not longer than the configuration says. */
  async remediateBriefly(): Promise<void> {
    let cancel: () => void = () => undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.#parts.scheduler.after(this.#parts.config.pushWaitMs, resolve);
    });
    await Promise.race([this.remediate(), patience]).finally(cancel);
  }

  #startRound(): Promise<RemediationReport> {
    this.#next = undefined;
    this.#round = this.#runRound().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #runRound(): Promise<RemediationReport> {
    const failures: { host: string; reason: string }[] = [];
    const waiting = this.hosts().slice();
    const work = async (): Promise<void> => {
      for (let host = waiting.shift(); host && !this.#stopped; host = waiting.shift()) {
        const reason = await this.#bringUpToDate(host);
        if (reason !== undefined) failures.push({ host: host.host, reason });
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_HOSTS }, work));
    this.#noteArrivals();
    this.#scheduleNext(failures.length > 0);
    return { hosts: this.#hosts.size, failures };
  }

  /** @returns why it could not be done; undefined if it was */
  async #bringUpToDate(host: SuppliedHost): Promise<string | undefined> {
    const supplied = new Set<string>();
    let failure: string | undefined;
    try {
      const wanted = this.#parts.store.list().filter((provider) => !exclusionOf(host, provider));
      const present = (await this.ask(host)).filter(({ type }) => type === 'NATIVE');
      for (const { provider } of present) {
        if (!wanted.some(({ name }) => name === provider)) await this.#take(host, provider);
      }
      for (const provider of wanted) {
        const held = present.some(({ provider: name, key_id: keyId }) => {
          return name === provider.name && keyId === provider.keyId;
        });
        if (!held || !this.#wasPushed(host, provider.name)) await this.#give(host, provider);
        supplied.add(provider.name);
      }
    } catch (error) {
      failure =
        error instanceof KpsimError ? error.message : 'The host could not be asked; the log has more.';
      const { log } = this.#parts.context;
      // A host that is too old stays so, and the service's health says it; a host that fails is news.
      const level = error instanceof VimFault && error.is('NotSupported') ? 'info' : 'warn';
      log[level]({ host: host.host, reason: errorText(error) }, 'a host could not be brought up to date');
    }
    if (this.#hosts.get(host.host) === host) this.#statuses.set(host.host, { supplied, failure });
    return failure;
  }

  async #give(host: SuppliedHost, provider: ProviderRecord): Promise<void> {
    const revision = this.#revisionOf(provider.name);
    await this.#counted('give', host, async () => {
      await this.#parts.store.withKdk(provider.name, (kdk) =>
        this.#clientOf(host).setNativeProvider({
          provider: provider.name,
          native_spec: { key_id: provider.keyId, key_derivation_key: kdk.toString('base64') },
        }),
      );
    });
    const pushed = this.#pushed.get(host.host) ?? new Map<string, number>();
    this.#pushed.set(host.host, pushed.set(provider.name, revision));
  }

  async #take(host: SuppliedHost, provider: string): Promise<void> {
    await this.#counted('take', host, () => this.#clientOf(host).removeNativeProvider(provider));
    this.#pushed.get(host.host)?.delete(provider);
  }

  async #counted(action: 'give' | 'take', host: SuppliedHost, run: () => Promise<void>): Promise<void> {
    try {
      this.#injectedFailure(action, host);
      await run();
      this.#pushes.inc({ action, outcome: 'success' });
    } catch (error) {
      this.#pushes.inc({ action, outcome: 'failure' });
      throw error;
    }
  }

  /** Any fault injected into `hosts.give` or `hosts.take` makes that host fail. */
  #injectedFailure(action: string, host: SuppliedHost): void {
    const { context, config } = this.#parts;
    const fault = context.faults.match({
      service: config.name,
      operation: `hosts.${action}`,
      object: host.host,
    });
    if (fault) throw new KpsimError('injected', `An injected fault (${fault.kind}) struck ${host.name}.`);
  }

  /**
   * An imported provider has arrived when a host has it. Hosts that lack it are told of one by one; some, which are too
   * old, never get it.
   */
  #noteArrivals(): void {
    for (const { name, awaitsHosts } of this.#parts.store.list()) {
      if (!awaitsHosts) continue;
      const arrived = [...this.#statuses.values()].some(({ supplied }) => supplied.has(name));
      if (arrived) this.#parts.store.update(name, { awaitsHosts: false });
    }
  }

  #clientOf(host: SuppliedHost): HostAgentClient {
    const known = this.#clients.get(host.host);
    if (known) return known;
    const { tls, trustedCaPem } = this.#parts.config;
    const client = new HostAgentClient({
      baseUrl: host.address,
      caPem: trustedCaPem,
      clientCertificate: tls,
      timeoutMs: HOST_TIMEOUT_MS,
    });
    this.#clients.set(host.host, client);
    return client;
  }

  #forget(id: string): void {
    void this.#clients.get(id)?.close();
    this.#clients.delete(id);
    this.#statuses.delete(id);
    this.#pushed.delete(id);
  }

  #wasPushed(host: SuppliedHost, provider: string): boolean {
    return this.#pushed.get(host.host)?.get(provider) === this.#revisionOf(provider);
  }

  #revisionOf(provider: string): number {
    return this.#revisions.get(provider) ?? 0;
  }

  get #intervalMs(): number {
    return this.#parts.config.remediationIntervalSeconds * 1000;
  }

  #scheduleNext(failed: boolean): void {
    this.#schedule(failed ? Math.min(this.#retryMs, this.#intervalMs) : this.#intervalMs);
    this.#retryMs = failed ? Math.min(this.#retryMs * 2, this.#intervalMs) : FIRST_RETRY_MS;
  }

  #schedule(delayMs: number): void {
    this.#cancelTimer?.();
    if (this.#stopped) return;
    this.#cancelTimer = this.#parts.scheduler.after(delayMs, () => {
      this.remediate().catch((error: unknown) => {
        this.#parts.context.log.error({ err: error }, 'a round of remediation failed');
        this.#scheduleNext(true);
      });
    });
  }
}
