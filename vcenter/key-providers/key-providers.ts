import type { Clock } from '../../core/clock.js';
import { KpsimError } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import type { Sealer } from '../../core/store/sealer.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { VcenterConfig } from '../config.js';
import { decide, precheck } from '../migration/rules.js';
import type { ProviderKind } from '../migration/rule-facts.js';
import { refuseIfViolated } from '../migration/violations.js';
import type { VcenterStore } from '../store.js';
import { newSelfSignedIdentity } from './client-identity.js';
import type { KeyProvider } from './key-provider.js';
import { StandardKeyProvider } from './standard.js';
import type { KmipServerRecord, StandardProviderRecord } from './standard-record.js';
import { TrustedKeyProvider } from './trusted.js';

const DEFAULT_PROVIDER = 'defaultProvider';
/** KMIP servers of one provider. */
const SERVERS_LIMIT = 16;
const NAME = /^[\x21-\x7e](?:[\x20-\x7e]{0,78}[\x21-\x7e])?$/;

/** Where native key providers come from; a vCenter without one offers none. */
export interface NativeProviders {
  list(): Promise<readonly KeyProvider[]>;
  find(name: string): Promise<KeyProvider | undefined>;
}

/** All key providers of a vCenter, by name; at most 32 (EXT-7). */
export class KeyProviders {
  readonly #store: VcenterStore;
  readonly #sealer: Sealer;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #config: Pick<VcenterConfig, 'version' | 'build'>;
  readonly #native: NativeProviders | undefined;
  readonly #own = new Map<string, StandardKeyProvider | TrustedKeyProvider>();

  constructor(parts: {
    readonly store: VcenterStore;
    readonly sealer: Sealer;
    readonly clock: Clock;
    readonly log: Logger;
    readonly config: Pick<VcenterConfig, 'version' | 'build'>;
    readonly native?: NativeProviders | undefined;
  }) {
    this.#store = parts.store;
    this.#sealer = parts.sealer;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#config = parts.config;
    this.#native = parts.native;
    for (const { name, kind, sealed } of this.#store.keyProviders()) {
      this.#own.set(name, kind === 'trusted' ? new TrustedKeyProvider(name) : this.#opened(name, sealed));
    }
  }

  /** All providers: standard and trusted ones first, then native ones. @throws VimFault `HostCommunication` */
  async list(): Promise<readonly KeyProvider[]> {
    return [...this.#own.values(), ...((await this.#native?.list()) ?? [])];
  }

  async find(name: string): Promise<KeyProvider | undefined> {
    return this.#own.get(name) ?? (await this.#native?.find(name));
  }

  /** @throws VimFault `InvalidArgument` */
  async require(name: string): Promise<KeyProvider> {
    const found = await this.find(name);
    if (found) return found;
    throw unknownProvider(name);
  }

  /** @throws VimFault `InvalidArgument` if there is none of that name, or it is of another kind */
  requireStandard(name: string): StandardKeyProvider {
    const found = this.#own.get(name);
    if (found?.kind === 'standard') return found;
    throw unknownProvider(name, 'standard key provider (KMIP)');
  }

  /** Names of the trusted providers. */
  trustedNames(): readonly string[] {
    return [...this.#own.values()].filter(({ kind }) => kind === 'trusted').map(({ name }) => name);
  }

  /**
   * Checks that a provider may be added; without a name (a backup holds it) that there may be one more at all.
   *
   * @throws VimFault `InvalidArgument`, `AlreadyExists`, and as EXT-1 and EXT-7 say
   */
  async checkNew(name: string | undefined, kind: ProviderKind): Promise<void> {
    if (name !== undefined && !NAME.test(name)) {
      throw new VimFault('InvalidArgument', 'A key provider name has 1 to 80 printable ASCII characters.', {
        fields: { invalidProperty: 'clusterId' },
      });
    }
    const all = await this.list();
    if (name !== undefined && all.some((provider) => provider.name === name)) {
      throw new VimFault('AlreadyExists', `There is a key provider ${name} already.`, { fields: { name } });
    }
    const facts = {
      change: 'add',
      provider: name ?? 'the one of the backup',
      kind,
      vcenterVersion: this.#config.version,
      count: all.length,
    } as const;
    refuseIfViolated(precheck('providerChange', facts, undefined));
  }

  /** Registers a KMIP server, and its provider with the first one. @throws VimFault `AlreadyExists`, `InvalidArgument` */
  async registerServer(name: string, server: KmipServerRecord): Promise<void> {
    const known = this.#own.get(name);
    if (!known) {
      await this.checkNew(name, 'standard');
      const identity = await newSelfSignedIdentity(this.#clock);
      await this.#save(name, { servers: [server], trustedCertificates: [], identity });
      return;
    }
    const { record } = this.requireStandard(name);
    if (record.servers.some((each) => each.name === server.name)) {
      throw new VimFault('AlreadyExists', `Key provider ${name} has a server ${server.name} already.`, {
        fields: { name: server.name },
      });
    }
    if (record.servers.length >= SERVERS_LIMIT) {
      throw new VimFault('InvalidArgument', `A key provider has at most ${SERVERS_LIMIT} servers.`);
    }
    await this.#save(name, { ...record, servers: [...record.servers, server] });
  }

  /** Changes a KMIP server; a password that is left out stays. @throws VimFault `InvalidArgument` */
  async updateServer(name: string, server: KmipServerRecord): Promise<void> {
    const { record } = this.requireStandard(name);
    const known = requireServer(record, name, server.name);
    const changed = { ...server, password: server.password ?? known.password };
    await this.#save(name, {
      ...record,
      servers: record.servers.map((each) => (each === known ? changed : each)),
    });
  }

  /** Removes a KMIP server, and the provider with its last one. @throws VimFault `InvalidArgument` */
  async removeServer(name: string, serverName: string): Promise<void> {
    const { record } = this.requireStandard(name);
    const known = requireServer(record, name, serverName);
    const servers = record.servers.filter((each) => each !== known);
    if (servers.length === 0) await this.remove(name);
    else await this.#save(name, { ...record, servers });
  }

  /** Changes certificates and the like of a standard provider. @throws VimFault `InvalidArgument` */
  async updateStandard(
    name: string,
    change: (record: StandardProviderRecord) => StandardProviderRecord,
  ): Promise<void> {
    await this.#save(name, change(this.requireStandard(name).record));
  }

  /** Registers a trusted provider. @throws VimFault `AlreadyExists`, `NotSupported` */
  async registerTrusted(name: string): Promise<void> {
    await this.checkNew(name, 'trusted');
    this.#store.putKeyProvider({ name, kind: 'trusted', sealed: this.#seal(name, {}) });
    this.#own.set(name, new TrustedKeyProvider(name));
  }

  /** Removes a standard or trusted provider; its keys stay on its key servers (EXT-6). @throws VimFault `InvalidArgument` */
  async remove(name: string): Promise<void> {
    const found = this.#own.get(name);
    if (!found) throw unknownProvider(name);
    this.#store.transaction(() => {
      this.#store.deleteKeyProvider(name);
      if (this.defaultName === name) this.#store.setSetting(DEFAULT_PROVIDER, undefined);
    });
    this.#own.delete(name);
    await found.close();
  }

  /** Name of the vCenter's default provider. */
  get defaultName(): string | undefined {
    return this.#store.setting(DEFAULT_PROVIDER);
  }

  /** Sets or clears the vCenter's default. @throws VimFault `InvalidArgument` */
  async setDefault(name: string | undefined): Promise<void> {
    if (name !== undefined) await this.require(name);
    this.#store.setSetting(DEFAULT_PROVIDER, name);
  }

  /** Checks that a cluster may have a default of its own. @throws VimFault as EXT-7 says */
  checkClusterDefault(provider: KeyProvider): void {
    const facts = {
      change: 'setClusterDefault',
      provider: provider.name,
      kind: provider.kind,
      vcenterVersion: this.#config.version,
      count: 0,
    } as const;
    refuseIfViolated(precheck('providerChange', facts, undefined));
  }

  /** Forgets keys here; on the key server they stay (EXT-6). */
  forgetKey(provider: string, keyId: string): void {
    const facts = { keyId, provider };
    const plan = decide('keyRemoval', facts, { keyServerOperations: [] });
    refuseIfViolated(precheck('keyRemoval', facts, plan));
    this.#store.deleteKey(provider, keyId);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#own.values()].map((provider) => provider.close()));
  }

  async #save(name: string, record: StandardProviderRecord): Promise<void> {
    this.#store.putKeyProvider({ name, kind: 'standard', sealed: this.#seal(name, record) });
    const known = this.#own.get(name);
    if (known?.kind === 'standard') await known.replace(record);
    else this.#own.set(name, this.#made(name, record));
  }

  #seal(name: string, record: unknown): Buffer {
    return this.#sealer.seal(Buffer.from(JSON.stringify(record)), placeOf(name));
  }

  #opened(name: string, sealed: Uint8Array): StandardKeyProvider {
    const record: unknown = JSON.parse(this.#sealer.open(sealed, placeOf(name)).toString('utf8'));
    return this.#made(name, record as StandardProviderRecord); // sealed by this class alone
  }

  #made(name: string, record: StandardProviderRecord): StandardKeyProvider {
    const { version, build } = this.#config;
    return new StandardKeyProvider(name, record, {
      clock: this.#clock,
      log: this.#log,
      product: { version, build },
    });
  }
}

function placeOf(name: string): string {
  return `key_provider ${name}`;
}

function requireServer(record: StandardProviderRecord, name: string, serverName: string): KmipServerRecord {
  const found = record.servers.find((server) => server.name === serverName);
  if (found) return found;
  throw new VimFault('InvalidArgument', `Key provider ${name} has no server ${serverName.slice(0, 80)}.`, {
    fields: { invalidProperty: 'serverName' },
  });
}

function unknownProvider(name: string, what = 'key provider'): VimFault<'InvalidArgument'> {
  return new VimFault(
    'InvalidArgument',
    `This vCenter has no ${what} ${JSON.stringify(name.slice(0, 80))}; ListKmsClusters names those that there are.`,
    { fields: { invalidProperty: 'clusterId' } },
  );
}

/** A provider that cannot be asked, as a fault that says so. */
export function providerFault(error: unknown): unknown {
  if (!(error instanceof KpsimError) || error.code !== 'unreachable') return error;
  return new VimFault(
    'HostCommunication',
    `The native key provider service does not answer: ${error.message}`,
    {
      cause: error,
    },
  );
}
