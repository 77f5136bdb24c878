import type { Finding, Rule } from '../rule.js';
import type { MigrationFacts } from '../rule-facts.js';
import { firstOf, notAttested, providerNamed, providersOfKind, usesKind } from './situation.js';

const usesTrusted = (facts: MigrationFacts): boolean => usesKind(facts, 'trusted');

/** Particulars of trusted and native key providers: TKP-1 to TKP-6 and NKP-1 of the migration rules. */
export const PROVIDER_RULES = {
  'TKP-1': {
    text: 'The vTA services must be configured for the destination host, and the host must be attested.',
    fault: 'InvalidHostState',
    remedy:
      "Configure the host's cluster with the vTA services; if attestation fails, do what its message says (kpsim attest explain HOST shows what was compared).",
    on: { migration: { appliesTo: usesTrusted, check: destinationNotAttested } },
  },
  'TKP-2': {
    text: 'Encryption cannot change during the migration: for example, an unencrypted disk cannot become encrypted by moving to new storage.',
    fault: 'NotSupported',
    messageKey: 'com.vmware.vim.vpxd.encryption.opUnsupportedOnEncryptedVm',
    remedy: 'Leave the crypto spec out, and encrypt or decrypt with ReconfigVM_Task before or after.',
    on: { migration: { appliesTo: () => true, check: encryptionChanges } },
  },
  'TKP-3': {
    text: 'A standard-encrypted VM may migrate to a trusted host, provided the KP names on both vCenters are equal.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy: 'Register the standard key provider on the destination vCenter under the same name.',
    on: {
      migration: {
        appliesTo: (facts) =>
          usesKind(facts, 'standard') && facts.destination.host.trustedServices !== undefined,
        check: (facts) =>
          firstOf(providersOfKind(facts, 'standard'), (name) =>
            providerNamed(facts.destination, name)?.kind === 'standard'
              ? undefined
              : {
                  detail: `${facts.vm.name} may move to trusted host ${facts.destination.host.name} only if vCenter ${facts.destination.vcenter.name} has a standard key provider ${name}.`,
                },
          ),
      },
    },
  },
  'TKP-4': {
    text: 'A vTA-encrypted VM cannot migrate to a host that is not trusted.',
    fault: 'InvalidHostState',
    remedy: 'Choose a host of a trusted cluster.',
    on: {
      migration: {
        appliesTo: usesTrusted,
        check: ({ destination: { host }, vm }) =>
          host.trustedServices
            ? undefined
            : {
                detail: `Host ${host.name} is not in a trusted cluster; ${vm.name} is encrypted by a trusted key provider.`,
              },
      },
    },
  },
  'TKP-5': {
    text: 'vMotion between ESXi hosts is fully supported; across vCenters, with TKP-1 and TKP-2.',
    fault: 'InvalidHostState',
    remedy: 'See TKP-1 and TKP-2, which this migration across vCenters has to meet.',
    on: {
      migration: {
        appliesTo: (facts) => usesTrusted(facts) && facts.acrossVcenters,
        check: (facts) => destinationNotAttested(facts) ?? encryptionChanges(facts),
      },
    },
  },
  'TKP-6': {
    text: 'The vCenter checks that the TKP is available on the destination host and that the host has access to it.',
    fault: 'InvalidHostState',
    messageKey: 'NoPermissionToAccessKeyProvider',
    remedy:
      'Register the trusted provider for the cluster, and check that the key provider service lets this host in.',
    on: {
      migration: {
        appliesTo: usesTrusted,
        check: (facts) =>
          firstOf(providersOfKind(facts, 'trusted'), (name) =>
            facts.destination.host.trustedServices?.providers.includes(name)
              ? undefined
              : {
                  detail: `Host ${facts.destination.host.name} has no access to trusted key provider ${name}.`,
                },
          ),
      },
    },
  },
  'NKP-1': {
    text: 'vMotion and encrypted vMotion between hosts are supported; across vCenters if the NKP is configured on the destination host.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy:
      'Put the host into a cluster and let the vCenter supply it; the provider health says which hosts lack the key.',
    on: {
      migration: {
        appliesTo: (facts) => usesKind(facts, 'native') && facts.hostChanges,
        check: (facts) =>
          firstOf(providersOfKind(facts, 'native'), (name) =>
            facts.destination.host.nativeProviders.includes(name)
              ? undefined
              : {
                  detail: `Native key provider ${name} is not configured on host ${facts.destination.host.name}.`,
                },
          ),
      },
    },
  },
} as const satisfies Record<string, Rule>;

function destinationNotAttested({ destination: { host } }: MigrationFacts): Finding | undefined {
  if (!host.trustedServices || host.trustedServices.attestation.length === 0) {
    return { detail: `No vTA services are configured for host ${host.name}.` };
  }
  return host.attested ? undefined : { detail: notAttested(host) };
}

function encryptionChanges({ request, vm }: MigrationFacts): Finding | undefined {
  const changes = (change: string | undefined): boolean => change === 'encrypt' || change === 'decrypt';
  if (changes(request.crypto)) {
    return { detail: `The migration would ${String(request.crypto)} ${vm.name}.` };
  }
  const disk = request.diskCrypto.find(({ change }) => changes(change));
  return disk && { detail: `The migration would ${disk.change} disk ${disk.key} of ${vm.name}.` };
}
