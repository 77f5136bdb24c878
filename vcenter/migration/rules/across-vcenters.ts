import { isAtLeast } from '../../product-version.js';
import type { Rule } from '../rule.js';
import type { MigrationFacts } from '../rule-facts.js';
import {
  firstOf,
  listServices,
  providerNamed,
  providersOfKind,
  sameServices,
  usesKind,
} from './situation.js';

const crossesEncrypted = ({ acrossVcenters, vm }: MigrationFacts): boolean => acrossVcenters && vm.encrypted;
const crossesWith =
  (kind: 'standard' | 'native' | 'trusted') =>
  (facts: MigrationFacts): boolean =>
    facts.acrossVcenters && usesKind(facts, kind);

/** Across vCenter Server instances: XVC-1 to XVC-4 of the migration rules. */
export const ACROSS_VCENTER_RULES = {
  'XVC-1': {
    text: 'Migrating or cloning an encrypted VM between vCenter instances is done through the vSphere API.',
    fault: 'NotSupported',
    remedy: 'Call RelocateVM_Task or CloneVM_Task of the vSphere API with a ServiceLocator.',
    on: {
      migration: {
        appliesTo: crossesEncrypted,
        check: ({ request, vm }) =>
          request.channel === 'vsphereApi'
            ? undefined
            : {
                detail: `The encrypted VM ${vm.name} was to cross vCenters by another way than the vSphere API.`,
              },
      },
    },
  },
  'XVC-2': {
    text: 'Source and destination vCenter must both be configured with the KP that encrypted the VM, under the same KP name, and it must be the same KP.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy:
      'Configure the key provider on both vCenters under the same name: register its key servers, import its backup, or register the trusted provider.',
    on: {
      migration: {
        appliesTo: crossesEncrypted,
        check: (facts) =>
          firstOf(facts.vm.keyProviders, ({ name, kind }) =>
            firstOf([facts.source, facts.destination], (side) => {
              const found = providerNamed(side, name);
              if (found?.kind === kind) return undefined;
              return {
                detail: found
                  ? `Key provider ${name} is ${found.kind} on vCenter ${side.vcenter.name}, but ${facts.vm.name} was encrypted by a ${kind} one.`
                  : `vCenter ${side.vcenter.name} has no key provider ${name}, which encrypted ${facts.vm.name}.`,
              };
            }),
          ),
      },
    },
  },
  'XVC-2s': {
    text: 'SKP: the same key servers.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy: 'Register the same key servers under this provider name on both vCenters.',
    on: {
      migration: {
        appliesTo: crossesWith('standard'),
        check: (facts) =>
          firstOf(providersOfKind(facts, 'standard'), (name) => {
            const there = providerNamed(facts.destination, name);
            const here = providerNamed(facts.source, name);
            if (here?.kind !== 'standard' || there?.kind !== 'standard') return undefined; // XVC-2 says so
            if (sameServices(here.servers, there.servers)) return undefined;
            return {
              detail: `Key provider ${name} has the key servers ${listServices(here.servers)} at the source and ${listServices(there.servers)} at the destination.`,
            };
          }),
      },
    },
  },
  'XVC-2t': {
    text: 'TKP: the destination host is configured with the same vTA services.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy:
      "Configure the destination's trusted cluster with the attestation and key provider services of the source.",
    on: {
      migration: {
        appliesTo: crossesWith('trusted'),
        check: ({ source, destination }) => {
          const here = source.host.trustedServices;
          const there = destination.host.trustedServices;
          if (
            here &&
            there &&
            sameServices(here.attestation, there.attestation) &&
            sameServices(here.keyProviderServices, there.keyProviderServices)
          ) {
            return undefined;
          }
          return {
            detail: `Host ${destination.host.name} has the attestation services ${listServices(there?.attestation ?? [])} and key provider services ${listServices(there?.keyProviderServices ?? [])}; source host ${source.host.name} has ${listServices(here?.attestation ?? [])} and ${listServices(here?.keyProviderServices ?? [])}.`,
          };
        },
      },
    },
  },
  'XVC-2n': {
    text: 'NKP: the same KDK.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy:
      "Delete the destination's provider of this name if nothing uses it, and import the backup of the source's provider.",
    on: {
      migration: {
        appliesTo: crossesWith('native'),
        check: (facts) =>
          firstOf(providersOfKind(facts, 'native'), (name) => {
            const here = providerNamed(facts.source, name);
            const there = providerNamed(facts.destination, name);
            if (here?.kind !== 'native' || there?.kind !== 'native') return undefined; // XVC-2 says so
            if (here.kdkFingerprint === there.kdkFingerprint) return undefined;
            return {
              detail: `Native key provider ${name} has another key derivation key on ${facts.destination.vcenter.name}, so its hosts could not open what was encrypted here.`,
            };
          }),
      },
    },
  },
  'XVC-3': {
    text: 'A VM encrypted by an NKP can be neither migrated nor cloned to a standalone host, whether or not the source host is in a cluster.',
    fault: 'NotSupported',
    messageKey: 'vim.vpxd.encryption.NativeKeyProviderNotSupported.NotInCluster',
    remedy: 'Choose a host that is in a cluster; a cluster of one host is enough.',
    on: {
      migration: {
        appliesTo: (facts) => usesKind(facts, 'native'),
        check: ({ destination: { host }, vm }) =>
          host.inCluster
            ? undefined
            : {
                detail: `Host ${host.name} is standalone; ${vm.name} is encrypted by a native key provider.`,
              },
      },
    },
  },
  'XVC-4': {
    text: 'The destination vCenter makes sure that the destination host has its encryption mode set, so that it is cryptographically safe.',
    fault: 'InvalidHostState',
    remedy: 'Choose a host of ESXi 6.5 or later; older ones have no encryption mode.',
    on: {
      migration: {
        appliesTo: ({ vm }) => vm.encrypted,
        decide: ({ destination }, draft) => {
          draft.makeHostSafe = destination.host.cryptoState !== 'safe';
        },
        check: ({ destination: { host } }, plan) => {
          const fields = { host: host.reference };
          if (!isAtLeast(host.version, '6.5')) {
            return { detail: `Host ${host.name} is ESXi ${host.version} and cannot be made safe.`, fields };
          }
          if (host.cryptoState === 'safe' || plan.makeHostSafe) return undefined;
          return {
            detail: `Host ${host.name} is ${host.cryptoState}, and the plan does not make it safe.`,
            fields,
          };
        },
      },
    },
  },
} as const satisfies Record<string, Rule>;
