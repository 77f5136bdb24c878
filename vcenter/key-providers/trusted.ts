import type { CryptoKeyPlain } from '../../host-agent/client.js';
import type { VimObject } from '../../wire/vim25/index.js';
import type { ProviderFacts } from '../migration/rule-facts.js';
import type { KeyAvailability, KeyProvider } from './key-provider.js';
import { keyMadeByHost } from './key-provider.js';

/**
 * A trusted key provider: vSphere Trust Authority serves it to hosts that an attestation service vouches for. The
 * vCenter knows its name only; the keys never pass through here.
 */
export class TrustedKeyProvider implements KeyProvider {
  readonly kind = 'trusted';
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  facts(): Promise<ProviderFacts> {
    return Promise.resolve({ kind: 'trusted', name: this.name });
  }

  info(): ReturnType<KeyProvider['info']> {
    return Promise.resolve({
      _typeName: 'KmipClusterInfo',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      managementType: 'trustAuthority',
    });
  }

  status(): Promise<VimObject<'CryptoManagerKmipClusterStatus'>> {
    return Promise.resolve({
      _typeName: 'CryptoManagerKmipClusterStatus',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      managementType: 'trustAuthority',
      servers: [],
    });
  }

  newKey(): Promise<CryptoKeyPlain> {
    return Promise.resolve(keyMadeByHost(this.name));
  }

  fetchKey(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  keyStatus(): Promise<KeyAvailability> {
    return Promise.resolve({ available: false, reason: 'KeyStateManagedByTrustAuthority' });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
