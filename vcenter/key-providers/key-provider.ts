import type { CryptoKeyId, CryptoKeyPlain } from '../../host-agent/client.js';
import type { KeyUnavailableReason, VimObject } from '../../wire/vim25/index.js';
import type { ProviderFacts, ProviderKind } from '../migration/rule-facts.js';

/** What a new key is for; a standard provider tags the key with it (facts: vCenter as a KMIP client). */
export interface KeyOwner {
  readonly component: 'ESXi Server' | 'Virtual Machine';
  /** UUID of the host or VM. */
  readonly identifier: string;
  /** Address of the host, or name of the VM. */
  readonly name: string;
}

/** Whether a key can be had, and why not. */
export interface KeyAvailability {
  readonly available: boolean;
  readonly reason?: KeyUnavailableReason | undefined;
}

/** A key provider as a vCenter uses it. One class a kind. */
export interface KeyProvider {
  readonly name: string;
  readonly kind: ProviderKind;
  /** What the migration rules want to know of it. @throws KpsimError `unreachable` */
  facts(): Promise<ProviderFacts>;
  /** `KmipClusterInfo` without what is decided elsewhere: defaults. */
  info(): Promise<Omit<VimObject<'KmipClusterInfo'>, 'useAsDefault' | 'useAsEntityDefault'>>;
  /** State of the provider and of each of its servers. */
  status(): Promise<VimObject<'CryptoManagerKmipClusterStatus'>>;
  /**
   * A new key. Where hosts make keys themselves (native, trusted), its id and key data are empty.
   *
   * @throws VimFault `SystemError` if no key server makes one
   */
  newKey(owner: KeyOwner): Promise<CryptoKeyPlain>;
  /**
   * An existing key, to be given to hosts; undefined where hosts get it themselves.
   *
   * @throws KeyUnavailable
   */
  fetchKey(keyId: string): Promise<CryptoKeyPlain | undefined>;
  /** Whether a key can be had. */
  keyStatus(keyId: string): Promise<KeyAvailability>;
  /** Closes what it holds open. */
  close(): Promise<void>;
}

/** A key cannot be had from its provider. */
export class KeyUnavailable extends Error {
  readonly reason: KeyUnavailableReason;

  constructor(reason: KeyUnavailableReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyUnavailable';
    this.reason = reason;
  }
}

/** `CryptoKeyId` of vim25. */
export function cryptoKeyId(provider: string, keyId: string): CryptoKeyId & VimObject<'CryptoKeyId'> {
  return {
    _typeName: 'CryptoKeyId',
    keyId,
    providerId: { _typeName: 'KeyProviderId', id: provider },
  };
}

/** Algorithm of every key encryption key, as `CryptoKeyPlain` names it. */
export const KEK_ALGORITHM = 'AES-256';

/** A key that the host is to make or get itself. */
export function keyMadeByHost(provider: string, keyId = ''): CryptoKeyPlain {
  return { keyId: cryptoKeyId(provider, keyId), algorithm: KEK_ALGORITHM, keyData: '' };
}
