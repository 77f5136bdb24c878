import type { CryptoKeyId, CryptoKeyPlain } from '../../host-agent/client.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { HostState, Hosts } from '../hosts/hosts.js';
import { hostFault } from '../hosts/hosts.js';
import type { HostEntity } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import type { KeyOwner, KeyProvider } from '../key-providers/key-provider.js';
import { KeyUnavailable, cryptoKeyId } from '../key-providers/key-provider.js';
import type { KeyProviders } from '../key-providers/key-providers.js';
import { precheck } from '../migration/rules.js';
import type { HostFacts } from '../migration/rule-facts.js';
import { refuseIfViolated } from '../migration/violations.js';
import type { Events } from '../operations/events.js';
import type { VcenterStore } from '../store.js';

/** What {@link KeySupply} works with. */
export interface KeySupplyParts {
  readonly store: VcenterStore;
  readonly inventory: Inventory;
  readonly hosts: Hosts;
  readonly providers: KeyProviders;
  readonly events: Events;
  readonly vcenterVersion: string;
  readonly now: () => number;
  readonly hostFacts: (host: HostEntity, state: HostState) => HostFacts;
}

/** Supplies hosts with keys: makes them safe, pushes keys of standard providers, and again after a reboot. */
export class KeySupply {
  readonly #parts: KeySupplyParts;
  /** The last of those that make a host safe, by host. */
  readonly #makingSafe = new Map<string, Promise<boolean>>();

  constructor(parts: KeySupplyParts) {
    this.#parts = parts;
  }

  /**
   * The provider that a new key comes from: the one named, else the cluster's default, else the vCenter's.
   *
   * @throws VimFault `InvalidArgument` if there is none
   */
  async providerFor(host: HostEntity, named: string | undefined): Promise<KeyProvider> {
    const { inventory, providers } = this.#parts;
    const name = named ?? inventory.clusterOf(host.moid)?.defaultProvider ?? providers.defaultName;
    if (name !== undefined) return await providers.require(name);
    throw new VimFault(
      'InvalidArgument',
      'No key provider is named and there is no default one: name one in the CryptoKeyId, or set a default with MarkDefault.',
      { fields: { invalidProperty: 'providerId' } },
    );
  }

  /**
   * The id of a key for a VM on a host: a new one where none is named, made available to the host. An id without key is
   * returned where the host is to make one.
   *
   * @throws VimFault as EXT-1, EXT-2 and EXT-3 say, and `EncryptionKeyRequired`
   */
  async keyFor(host: HostEntity, named: CryptoKeyId | undefined, owner: KeyOwner): Promise<CryptoKeyId> {
    const provider = await this.providerFor(host, named?.providerId?.id);
    await this.checkUsable(provider, host);
    if (named && named.keyId !== '') {
      const id = cryptoKeyId(provider.name, named.keyId);
      await this.supply(host, [id]);
      return id;
    }
    const key = await provider.newKey(owner);
    if (key.keyData === '') return key.keyId;
    this.#remember(key.keyId);
    await this.#pushToCluster(host, [key]);
    return key.keyId;
  }

  /** Checks that a provider's keys may be used on a host. @throws VimFault as EXT-1, EXT-2 and EXT-3 say */
  async checkUsable(provider: KeyProvider, host: HostEntity): Promise<void> {
    const { hosts, hostFacts, vcenterVersion } = this.#parts;
    if (provider.kind === 'native' && !this.#parts.inventory.clusterOf(host.moid)) {
      throw new VimFault(
        'NotSupported',
        `Host ${host.name} is standalone; native key providers need a cluster.`,
        {
          faultMessage: [
            {
              key: 'vim.vpxd.encryption.NativeKeyProviderNotSupported.NotInCluster',
              message: 'Put the host into a cluster; a cluster of one host is enough.',
            },
          ],
        },
      );
    }
    const facts = {
      provider: await provider.facts(),
      vcenterVersion,
      host: hostFacts(host, hosts.requireConnected(host)),
    };
    refuseIfViolated(precheck('encrypt', facts, undefined));
  }

  /**
   * Makes a host cryptographically safe, unless it is: incapable → prepared → safe with a key of its own.
   *
   * @param providerName provider of the host key; the default one if absent
   * @returns whether the host's mode was changed
   */
  async makeSafe(host: HostEntity, providerName?: string): Promise<boolean> {
    // One after another: of several VMs that come at once, the first one's key makes the host safe for all.
    const before = this.#makingSafe.get(host.moid);
    const made = (before ?? Promise.resolve(false)).then(
      () => this.#makeSafe(host, providerName),
      () => this.#makeSafe(host, providerName),
    );
    this.#makingSafe.set(host.moid, made);
    try {
      return await made;
    } finally {
      if (this.#makingSafe.get(host.moid) === made) this.#makingSafe.delete(host.moid);
    }
  }

  async #makeSafe(host: HostEntity, providerName: string | undefined): Promise<boolean> {
    const { hosts, events } = this.#parts;
    const client = hosts.client(host);
    const { state } = await client.cryptoState();
    if (state === 'safe') return false;
    const provider = await this.providerFor(host, providerName);
    await this.checkUsable(provider, host);
    if (state === 'incapable') await client.prepareCrypto();
    const key = await provider.newKey({
      component: 'ESXi Server',
      identifier: host.uuid,
      name: new URL(host.address).hostname,
    });
    if (key.keyData !== '') this.#remember(key.keyId);
    await client.enableCrypto(key);
    await hosts.refresh(host);
    events.postExtended('com.vmware.vc.host.Crypto.Enabled', 'info', {
      host,
      message: `Encryption mode is enabled on host ${host.name}.`,
    });
    return true;
  }

  /** Gives the host key and whatever its running VMs need back to a host that has booted. */
  async restore(host: HostEntity): Promise<void> {
    const { hosts, events } = this.#parts;
    const mode = await hosts.client(host).cryptoState();
    if (mode.state !== 'safe' || mode.hostKeyPresent || !mode.hostKey) return;
    try {
      await this.supply(host, [mode.hostKey]);
    } catch (error) {
      events.postExtended('com.vmware.vc.host.Crypto.ReqEnable.KMSClusterError', 'error', {
        host,
        message: `The host key of ${host.name} cannot be had from its key provider; encrypted VMs on it stay locked.`,
      });
      throw error;
    }
  }

  /**
   * Pushes existing keys to a host. Keys that hosts get themselves are left to them.
   *
   * @throws VimFault `EncryptionKeyRequired` with the keys that cannot be had, each with its reason
   */
  async supply(host: HostEntity, ids: readonly CryptoKeyId[]): Promise<void> {
    const pushed: CryptoKeyPlain[] = [];
    const missing: { readonly id: CryptoKeyId; readonly problem: KeyUnavailable }[] = [];
    for (const id of ids) {
      try {
        const key = await this.#fetch(id);
        if (key) pushed.push(key);
      } catch (error) {
        if (!(error instanceof KeyUnavailable)) throw error;
        missing.push({ id, problem: error });
      }
    }
    if (missing.length > 0) throw keysRequired(missing);
    if (pushed.length > 0) await this.#push(host, pushed);
  }

  /**
   * Does something on a host that needs keys; where the host lacks some, they are fetched by their ids, pushed, and it
   * is done once more.
   */
  async withKeys<T>(host: HostEntity, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const missing = requiredKeys(error);
      if (missing.length === 0) throw hostFault(host, error);
      const pushable = await this.#pushable(missing);
      if (pushable.length < missing.length) throw error; // the host gets those itself, and has said why it cannot
      await this.supply(host, pushable);
      return await action();
    }
  }

  /** The hosts that are to have a key: all connected ones of the cluster, or the standalone host. */
  #cluster(host: HostEntity): readonly HostEntity[] {
    const { inventory, hosts } = this.#parts;
    const cluster = inventory.clusterOf(host.moid);
    if (!cluster) return [host];
    return inventory
      .hostsOf(cluster.moid)
      .filter(({ moid }) => moid === host.moid || hosts.state(moid).crypto?.state === 'safe');
  }

  async #pushToCluster(host: HostEntity, keys: readonly CryptoKeyPlain[]): Promise<void> {
    const others = this.#cluster(host).filter(({ moid }) => moid !== host.moid);
    await Promise.all([
      this.#push(host, keys),
      // a host that cannot take the key now asks for it when it needs it
      ...others.map((other) => this.#push(other, keys).catch(() => undefined)),
    ]);
  }

  async #push(host: HostEntity, keys: readonly CryptoKeyPlain[]): Promise<void> {
    const results = await this.#parts.hosts.client(host).addKeys(keys);
    const refused = results.find(({ success }) => !success);
    if (!refused) return;
    const reason = `Host ${host.name} does not take key ${refused.keyId.keyId}: ${refused.reason ?? 'no reason given'}.`;
    throw new VimFault('SystemError', reason, { fields: { reason } });
  }

  async #fetch(id: CryptoKeyId): Promise<CryptoKeyPlain | undefined> {
    const name = id.providerId?.id ?? this.#parts.providers.defaultName ?? '';
    const provider = await this.#parts.providers.find(name);
    if (!provider) {
      throw new KeyUnavailable('KeyStateClusterInvalid', `This vCenter has no key provider ${name}.`);
    }
    const key = await provider.fetchKey(id.keyId);
    if (key) this.#remember(key.keyId);
    return key;
  }

  async #pushable(ids: readonly CryptoKeyId[]): Promise<readonly CryptoKeyId[]> {
    const found = await Promise.all(
      ids.map(async (id) => (await this.#parts.providers.find(id.providerId?.id ?? ''))?.kind),
    );
    return ids.filter((_id, index) => found[index] === 'standard' || found[index] === undefined);
  }

  #remember(id: CryptoKeyId): void {
    this.#parts.store.putKey(id.providerId?.id ?? '', id.keyId, this.#parts.now());
  }
}

/** The keys that an error says are missing on a host. */
function requiredKeys(error: unknown): readonly CryptoKeyId[] {
  if (!(error instanceof VimFault) || !error.is('EncryptionKeyRequired')) return [];
  const fields: { readonly requiredKey?: readonly CryptoKeyId[] | undefined } = error.fields;
  return fields.requiredKey ?? [];
}

function keysRequired(
  missing: readonly { readonly id: CryptoKeyId; readonly problem: KeyUnavailable }[],
): VimFault<'EncryptionKeyRequired'> {
  return new VimFault(
    'EncryptionKeyRequired',
    `Keys are missing: ${missing.map(({ problem }) => problem.message).join(' ')}`,
    {
      fields: { requiredKey: missing.map(({ id }) => cryptoKeyId(id.providerId?.id ?? '', id.keyId)) },
      faultMessage: missing.map(({ problem }) => ({ key: problem.reason, message: problem.message })),
      cause: missing[0]?.problem,
    },
  );
}
