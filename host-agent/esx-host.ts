import { join } from 'node:path';

import type { ServiceContext } from '../core/context.js';
import { makePrivateDir } from '../core/data-dir.js';
import { parseKeyId } from '../wire/native-key/index.js';
import type { AttestationReport, HostAbout } from './api/results.js';
import { capabilitiesOf } from './config.js';
import type { HostAgentConfig, HostCapabilities } from './config.js';
import { CryptoModeMachine } from './crypto/mode.js';
import { KeyCache } from './keys/cache.js';
import { KeyRing } from './keys/key-ring.js';
import { KeyServers } from './keys/key-servers.js';
import { NativeKeySource } from './keys/native.js';
import { Providers } from './keys/providers.js';
import { StandardKeySource } from './keys/standard.js';
import { TrustedKeySource } from './keys/trusted.js';
import type { HostMetrics } from './metrics.js';
import { Migrations } from './operations/migrations.js';
import { VmOperations } from './operations/vm-operations.js';
import { HostStore } from './store.js';
import { Attestor } from './trust/attestor.js';
import { HostPlatform } from './trust/platform.js';
import type { PlatformParts } from './trust/platform.js';
import { VmStore } from './vm/index.js';

/** Name of the TPM's data port among the service's endpoints, on hosts that are told to offer it. */
export const TPM_ENDPOINT = 'tpm';
/** Name of the vMotion listener among the service's endpoints. */
export const VMOTION_ENDPOINT = 'vmotion';

/** A host without its management listener: everything that calls of the API act on. */
export class EsxHost {
  readonly config: HostAgentConfig;
  readonly context: ServiceContext;
  readonly capabilities: HostCapabilities;
  readonly keys: KeyRing;
  readonly mode: CryptoModeMachine;
  readonly providers: Providers;
  readonly attestor: Attestor;
  readonly platform: HostPlatform;
  readonly vms: VmOperations;
  readonly migrations: Migrations;
  readonly #store: HostStore;
  readonly #vmStore: VmStore;
  #bootTime: number;
  #rebooting: Promise<void> | undefined;

  private constructor(
    config: HostAgentConfig,
    context: ServiceContext,
    parts: { store: HostStore; vmStore: VmStore; platform: HostPlatform; metrics: HostMetrics },
  ) {
    const { store, vmStore, platform, metrics } = parts;
    this.config = config;
    this.context = context;
    this.capabilities = capabilitiesOf(config.version);
    this.#store = store;
    this.#vmStore = vmStore;
    this.platform = platform;
    this.#bootTime = context.clock.now();

    const cache = new KeyCache();
    const keyServers = new KeyServers();
    const native = new NativeKeySource();
    const { tls } = config;
    this.attestor = new Attestor({
      clock: context.clock,
      log: context.log,
      metrics,
      tls,
      evidence: platform.evidence,
    });
    const trusted = new TrustedKeySource({
      tls,
      attestor: this.attestor,
      hostKey: () => platform.hostKey,
    });
    this.keys = new KeyRing(
      cache,
      [native, trusted],
      new StandardKeySource(cache, keyServers, isNativeKeyId),
    );
    this.mode = new CryptoModeMachine({
      record: store.configuration.cryptoMode,
      keys: this.keys,
      capable: this.capabilities.encryption,
      save: (record) => store.update({ cryptoMode: record }),
    });
    this.vms = new VmOperations({ store: vmStore, keys: this.keys, mode: this.mode, log: context.log });
    this.providers = new Providers({
      store,
      capabilities: this.capabilities,
      native,
      trusted,
      keyServers,
      attestor: this.attestor,
      changed: () => this.vms.refreshLocks(),
    });
    this.migrations = new Migrations({
      config,
      context,
      store: vmStore,
      keys: this.keys,
      mode: this.mode,
      vms: this.vms,
      metrics,
    });
  }

  /**
   * Opens a host's data directory and datastores and boots the host. VMs that were running are powered off, as after
   * a failure of the host.
   *
   * @throws KpsimError `store_unusable` and others that say which file is damaged
   */
  static async open(
    config: HostAgentConfig,
    context: ServiceContext,
    metrics: HostMetrics,
    parts: PlatformParts = {},
  ): Promise<EsxHost> {
    const store = await HostStore.open(context.dataDir, context.rng);
    if (config.uuid !== undefined && store.configuration.uuid !== config.uuid) {
      await store.update({ uuid: config.uuid });
    }
    const vmStore = await VmStore.open({
      datastores: await datastoresOf(config, context.dataDir),
      onUnusable: (directory, error) => context.log.warn({ err: error, directory }, 'a VM cannot be loaded'),
    });
    const platform = await HostPlatform.open(config, context, store, parts);
    try {
      const host = new EsxHost(config, context, { store, vmStore, platform, metrics });
      await host.providers.load();
      await host.migrations.open();
      await host.vms.refreshLocks();
      return host;
    } catch (error) {
      // Its TPM may be a process, which must not outlive a host that did not start.
      await platform.close();
      throw error;
    }
  }

  /** The host's UUID. */
  get id(): string {
    return this.#store.configuration.uuid;
  }

  /** Who the host is and how it stands. */
  about(): HostAbout {
    const { config, capabilities } = this;
    return {
      id: this.id,
      name: config.name,
      ...this.platform.release,
      image: this.platform.images,
      tpm: config.tpm === 'none' ? { present: false } : { present: true, version: '2.0' },
      secureBoot: config.secureBoot,
      vmotion: this.migrations.address,
      encryptedVmotionSupported: capabilities.encryption,
      cryptoState: this.mode.state,
      inMaintenance: false,
      bootTime: new Date(this.#bootTime).toISOString(),
      datastores: config.datastores.map(({ name }) => ({ name })),
      attestation: this.attestor.info(),
    };
  }

  /** Attests now; VMs whose keys can be had afterwards are unlocked. */
  async attest(force: boolean): Promise<AttestationReport> {
    const report = await this.attestor.attest(force);
    await this.vms.refreshLocks();
    return report;
  }

  /** Attests where a report is about to expire or missing; VMs lock and unlock by what came of it. */
  async renewAttestation(): Promise<void> {
    if (await this.attestor.renewDue()) await this.vms.refreshLocks();
  }

  /** Restarts the host: running VMs end, everything in memory is lost, boot is measured anew. One at a time. */
  reboot(): Promise<void> {
    this.#rebooting ??= this.#reboot().finally(() => {
      this.#rebooting = undefined;
    });
    return this.#rebooting;
  }

  /** Ends VMs, listeners and connections, and clears all keys. */
  async close(): Promise<void> {
    await this.migrations.close();
    await this.#vmStore.stopAll();
    this.keys.cache.clear();
    await this.providers.close();
    await this.platform.close();
    await this.#store.close();
  }

  async #reboot(): Promise<void> {
    await this.migrations.restart(() => this.#vmStore.stopAll());
    this.keys.cache.clear();
    this.attestor.forget();
    await this.mode.reboot();
    await this.platform.reboot();
    this.#bootTime = this.context.clock.now();
    await this.vms.refreshLocks();
  }
}

async function datastoresOf(
  config: HostAgentConfig,
  dataDir: string,
): Promise<{ name: string; path: string }[]> {
  return Promise.all(
    config.datastores.map(async ({ name, path }) => ({
      name,
      path: await makePrivateDir(path ?? join(dataDir, 'datastores', name)),
    })),
  );
}

function isNativeKeyId(keyId: string): boolean {
  try {
    parseKeyId(keyId);
    return true;
  } catch {
    return false;
  }
}
