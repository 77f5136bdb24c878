import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';

import { zeroise } from '../../core/secret.js';
import { VapiError } from '../../core/http/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import type { NetworkAddress, X509CertChain } from '../../wire/attestation/index.js';
import type {
  HostProvider,
  KeyServersSpec,
  NativeProviderSpec,
  TrustedServiceSpec,
  TrustedServicesSpec,
} from '../api/results.js';
import { keyServersSchema } from '../api/schemas.js';
import type { HostCapabilities } from '../config.js';
import type { HostStore } from '../store.js';
import type { Attestor } from '../trust/attestor.js';
import type { KeyServers } from './key-servers.js';
import type { NativeKeySource } from './native.js';
import { KDK_BYTES } from './native.js';
import type { TrustedKeySource } from './trusted.js';

/** What {@link Providers} stand on. */
export interface ProvidersOptions {
  readonly store: HostStore;
  readonly capabilities: HostCapabilities;
  readonly native: NativeKeySource;
  readonly trusted: TrustedKeySource;
  readonly keyServers: KeyServers;
  readonly attestor: Attestor;
  /** Called when keys may have come or gone. */
  readonly changed: () => Promise<void>;
}

/** A trusted service in the form of the ESX API. */
export interface EsxTrustedService {
  readonly address: NetworkAddress;
  readonly trusted_CA: X509CertChain;
  readonly group: string;
}

type ServiceKind = 'attestation' | 'kms';

/** The key providers and trusted services that a host was told of. They are durable, their secrets sealed. */
export class Providers {
  readonly #options: ProvidersOptions;
  #inForce: TrustedServicesSpec | undefined;

  constructor(options: ProvidersOptions) {
    this.#options = options;
  }

  /** Takes up what the host was told before it was restarted. */
  async load(): Promise<void> {
    const { store, native, keyServers } = this.#options;
    const { nativeProviders, keyServers: servers } = store.configuration;
    for (const { provider, kdkId, sealedKdk } of nativeProviders) {
      native.set(provider, { kdkId, kdk: store.unseal(sealedKdk, kdkPlace(provider)) });
    }
    for (const { provider, sealedSpec } of servers) {
      const plain = store.unseal(sealedSpec, serversPlace(provider));
      try {
        await keyServers.set(provider, keyServersSchema.parse(JSON.parse(plain.toString('utf8'))));
      } finally {
        zeroise(plain);
      }
    }
    await this.#applyTrusted();
  }

  /** Native and trusted providers. */
  list(): HostProvider[] {
    const { native, trusted } = this.#options;
    return [
      ...native.list().map(({ provider, kdkId }) => ({ provider, type: 'NATIVE' as const, key_id: kdkId })),
      ...trusted.list().map((provider) => ({ provider, type: 'TRUST_AUTHORITY' as const })),
    ];
  }

  /** Takes a native provider in, in place of one of the same name. @throws VimFault `NotSupported`, `InvalidArgument` */
  async setNative({ provider, native_spec: spec }: NativeProviderSpec): Promise<void> {
    const { store, native, capabilities, trusted } = this.#options;
    if (!capabilities.nativeKeyProvider) {
      throw new VimFault('NotSupported', 'Native key providers need ESXi 7.0 Update 2 or later.');
    }
    if (trusted.serves(provider)) {
      throw new VimFault('AlreadyExists', `The host has a trusted key provider ${provider}.`, {
        fields: { name: provider },
      });
    }
    const kdk = Buffer.from(spec.key_derivation_key, 'base64');
    if (kdk.length !== KDK_BYTES) {
      zeroise(kdk);
      throw new VimFault('InvalidArgument', `A key derivation key has ${KDK_BYTES} bytes.`);
    }
    const row = { provider, kdkId: spec.key_id, sealedKdk: store.seal(kdk, kdkPlace(provider)) };
    await store.change(({ nativeProviders }) => ({
      nativeProviders: [...without(nativeProviders, provider), row],
    }));
    native.set(provider, { kdkId: spec.key_id, kdk });
    await this.#options.changed();
  }

  /** Forgets a native provider. @throws VapiError `NOT_FOUND` */
  async removeNative(provider: string): Promise<void> {
    const { store, native } = this.#options;
    if (!native.serves(provider)) {
      throw new VapiError('NOT_FOUND', `The host has no native key provider ${provider}.`);
    }
    await store.change(({ nativeProviders }) => ({ nativeProviders: without(nativeProviders, provider) }));
    native.remove(provider);
    await this.#options.changed();
  }

  /** Sets the key servers of a standard provider. */
  async setKeyServers(provider: string, spec: KeyServersSpec): Promise<void> {
    const { store, keyServers } = this.#options;
    const plain = Buffer.from(JSON.stringify(spec));
    const row = { provider, sealedSpec: store.seal(plain, serversPlace(provider)) };
    zeroise(plain);
    await store.change((current) => ({ keyServers: [...without(current.keyServers, provider), row] }));
    await keyServers.set(provider, spec);
  }

  /** Forgets them. @throws VapiError `NOT_FOUND` */
  async removeKeyServers(provider: string): Promise<void> {
    const { store, keyServers } = this.#options;
    await store.change((current) => ({ keyServers: without(current.keyServers, provider) }));
    if (!(await keyServers.remove(provider))) {
      throw new VapiError('NOT_FOUND', `The host has no key servers of provider ${provider}.`);
    }
  }

  /** All trusted services and providers. */
  get trusted(): TrustedServicesSpec {
    return this.#options.store.configuration.trusted;
  }

  /**
   * Replaces trusted services and providers. What is told again as it was costs the host neither its report nor the
   * reason why it has none: its vCenter tells it all after each reboot, and renews the principal token.
   *
   * @throws VimFault `NotSupported`, `AlreadyExists`
   */
  async setTrusted(spec: TrustedServicesSpec): Promise<void> {
    const { store, capabilities, native } = this.#options;
    if (!capabilities.trustAuthority) {
      throw new VimFault(
        'NotSupported',
        'Trusted key providers need ESXi 7.0 or later, and are gone from 9.0.',
      );
    }
    const taken = spec.providers.find((provider) => native.serves(provider));
    if (taken !== undefined) {
      throw new VimFault('AlreadyExists', `The host has a native key provider ${taken}.`, {
        fields: { name: taken },
      });
    }
    await store.update({ trusted: spec });
    await this.#applyTrusted();
  }

  /** Trusted services of one kind, in the form of the ESX API. */
  listServices(kind: ServiceKind): (EsxTrustedService & { readonly service: string })[] {
    return this.trusted[kind].map((spec) => ({
      service: serviceId(spec),
      address: networkAddressOf(spec.address),
      trusted_CA: { cert_chain: [spec.trusted_CA] },
      group: spec.group,
    }));
  }

  /** Adds a trusted service; returns its id. @throws VapiError `ALREADY_EXISTS` */
  async addService(kind: ServiceKind, service: EsxTrustedService): Promise<string> {
    const spec: TrustedServiceSpec = {
      address: httpsUrlOf(service.address),
      trusted_CA: service.trusted_CA.cert_chain.join('\n'),
      group: service.group,
    };
    const id = serviceId(spec);
    if (this.trusted[kind].some((known) => serviceId(known) === id)) {
      throw new VapiError('ALREADY_EXISTS', `The service ${id} is set already.`);
    }
    await this.setTrusted({ ...this.trusted, [kind]: [...this.trusted[kind], spec] });
    return id;
  }

  /** Removes a trusted service. @throws VapiError `NOT_FOUND` */
  async removeService(kind: ServiceKind, service: string): Promise<void> {
    const left = this.trusted[kind].filter((spec) => serviceId(spec) !== service);
    if (left.length === this.trusted[kind].length) {
      throw new VapiError('NOT_FOUND', 'There is no service of that id; list the services to see theirs.');
    }
    await this.setTrusted({ ...this.trusted, [kind]: left });
  }

  /** Forgets keys and closes connections. */
  async close(): Promise<void> {
    const { native, trusted, keyServers, attestor } = this.#options;
    native.clear();
    await Promise.all([trusted.close(), keyServers.close(), attestor.close()]);
  }

  /** Only what differs from what is in force already is set anew: that forgets reports and closes connections. */
  async #applyTrusted(): Promise<void> {
    const { attestor, trusted } = this.#options;
    const before = this.#inForce;
    this.#inForce = undefined; // until all of it is, so that telling it again helps after a failure
    const wanted = this.trusted;
    const { attestation, kms, providers, principal } = wanted;
    if (!isDeepStrictEqual(before?.attestation, attestation)) await attestor.configure(attestation);
    const sameKeySource = isDeepStrictEqual([before?.kms, before?.providers], [kms, providers]);
    if (!sameKeySource) await trusted.configure(kms, providers);
    trusted.setPrincipal(principal);
    this.#inForce = wanted;
  }
}

/** The same address and group is the same service. Own choice: 16 hex digits of a digest. */
function serviceId({ address, group }: TrustedServiceSpec): string {
  return createHash('sha256').update(`${group} ${address}`).digest('hex').slice(0, 16);
}

function without<T extends { readonly provider: string }>(rows: readonly T[], provider: string): T[] {
  return rows.filter((row) => row.provider !== provider);
}

function kdkPlace(provider: string): string {
  return `native-provider/${provider}`;
}

function serversPlace(provider: string): string {
  return `key-servers/${provider}`;
}
