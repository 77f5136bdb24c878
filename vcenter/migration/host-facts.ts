import type { HostState } from '../hosts/hosts.js';
import type { HostEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import type { HostFacts, ServiceAddress } from './rule-facts.js';

/** What the rules want to know of a host, from what was last heard of it. */
export function hostFacts(inventory: Inventory, host: HostEntity, state: HostState): HostFacts {
  const { about, crypto, providers, trusted } = state;
  return {
    reference: referenceOf(host),
    name: host.name,
    version: about?.version ?? '0',
    supportsEncryptedVmotion: about?.encryptedVmotionSupported ?? false,
    inCluster: inventory.clusterOf(host.moid) !== undefined,
    cryptoState: crypto?.state ?? 'incapable',
    tpmPresent: about?.tpm.present ?? false,
    nativeProviders: providers.filter(({ type }) => type === 'NATIVE').map(({ provider }) => provider),
    trustedServices: trusted && {
      attestation: trusted.attestation.map(({ address }) => serviceAddress(address)),
      keyProviderServices: trusted.kms.map(({ address }) => serviceAddress(address)),
      providers: trusted.providers,
    },
    attested: about?.attestation.status === 'attested',
    attestationMessages: about?.attestation.messages ?? [],
  };
}

function serviceAddress(url: string): ServiceAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) || 443 };
}
