import { isAtLeast } from '../../product-version.js';
import type { Finding, Rule } from '../rule.js';
import type { EncryptFacts, HostFacts, MigrationFacts, ProviderKind, SideFacts } from '../rule-facts.js';
import { firstOf, notAttested, olderThan, providerNamed, providersOfKind, usesKind } from './situation.js';

/** Key providers that one vCenter holds at most (vSphere configuration maximums). */
export const KEY_PROVIDER_LIMIT = 32;

/** Sizes of a migration's one-time key and nonce, in bytes. */
export const ONE_TIME_KEY = { keyBytes: 32, nonceBytes: 8 } as const;

/** KMIP operations that take a key away on a key server; a vCenter never sends one. */
const DELETING_OPERATIONS: ReadonlySet<string> = new Set(['Destroy', 'Revoke', 'Archive']);

/** Known around the source document: EXT-1 to EXT-8 of the migration rules. */
export const KNOWN_LIMIT_RULES = {
  'EXT-1': {
    text: 'NKP needs vCenter and ESXi 7.0 Update 2 or later; vTA 7.0 or later, deprecated in 8.0 Update 3 and absent from 9.0.',
    fault: 'NotSupported',
    remedy: 'Use a vCenter and hosts of a version that has this kind of key provider.',
    on: {
      migration: {
        appliesTo: (facts) => usesKind(facts, 'native') || usesKind(facts, 'trusted'),
        check: (facts) =>
          firstOf(facts.vm.keyProviders, ({ kind }) =>
            firstOf([facts.source, facts.destination], (side) =>
              unsupportedKind(kind, side.vcenter.version, side.vcenter.name, side.host),
            ),
          ),
      },
      encrypt: {
        appliesTo: ({ provider }) => provider.kind !== 'standard',
        check: ({ provider, vcenterVersion, host }) =>
          unsupportedKind(provider.kind, vcenterVersion, 'of this host', host),
      },
      providerChange: {
        appliesTo: ({ change, kind }) => change === 'add' && kind !== 'standard',
        check: ({ kind, vcenterVersion }) => unsupportedKind(kind, vcenterVersion, 'itself'),
      },
    },
  },
  'EXT-2': {
    text: 'An NKP can be used only after its backup has been downloaded (health ERROR, then OK).',
    fault: 'InvalidState',
    messageKey: 'com.vmware.vim.vpxd.encryption.keyProviderNotBackedUp',
    remedy: 'Export the provider and download its backup, then try again.',
    on: {
      migration: {
        appliesTo: (facts) => usesKind(facts, 'native'),
        check: (facts) =>
          firstOf(providersOfKind(facts, 'native'), (name) => notBackedUp(facts.destination, name)),
      },
      encrypt: {
        appliesTo: ({ provider }) => provider.kind === 'native',
        check: ({ provider }) =>
          provider.kind === 'native' && !provider.hasBackup
            ? { detail: `Native key provider ${provider.name} has not been backed up.` }
            : undefined,
      },
    },
  },
  'EXT-3': {
    text: "With tpm_required, hosts without a TPM do not get the NKP's KDK.",
    fault: 'InvalidHostState',
    remedy: 'Choose a host with a TPM 2.0, or a provider without tpm_required.',
    on: {
      migration: {
        appliesTo: (facts) => usesKind(facts, 'native'),
        check: (facts) =>
          firstOf(providersOfKind(facts, 'native'), (name) => {
            const provider = providerNamed(facts.destination, name);
            return provider && lacksRequiredTpm(provider, facts.destination.host);
          }),
      },
      encrypt: {
        appliesTo: ({ provider }) => provider.kind === 'native',
        check: ({ provider, host }) => lacksRequiredTpm(provider, host),
      },
    },
  },
  'EXT-4': {
    text: 'KPs are looked up by name: the same name with another KDK is a hazard that a preflight check must name.',
    fault: 'GenericVmConfigFault',
    messageKey: 'msg.vigor.enc.keyNotFound',
    remedy:
      'Before encrypting more VMs, re-create one of the two providers under another name, or import the same backup on both sides.',
    on: { migration: { appliesTo: ({ acrossVcenters }) => acrossVcenters, check: sameNameOtherKdk } },
  },
  'EXT-5': {
    text: 'An unattested host goes on running its VMs, but cannot power on others.',
    fault: 'InvalidHostState',
    remedy: 'Repair what the attestation report names, attest the host again, then power on.',
    on: {
      powerOn: {
        appliesTo: ({ keyProviders }) => keyProviders.some(({ kind }) => kind === 'trusted'),
        check: ({ vm, alreadyRunning, host }) =>
          alreadyRunning || host.attested ? undefined : { detail: `${vm} gets no key. ${notAttested(host)}` },
      },
    },
  },
  'EXT-6': {
    text: 'A vCenter never deletes keys on the key server.',
    fault: 'SystemError',
    remedy: 'Destroy a key with a KMIP client of the key server, if it really must go.',
    on: {
      keyRemoval: {
        appliesTo: () => true,
        decide: (_facts, draft) => {
          draft.keyServerOperations = [];
        },
        check: ({ keyId }, plan) => {
          const deleting = plan.keyServerOperations.find((operation) => DELETING_OPERATIONS.has(operation));
          return deleting === undefined
            ? undefined
            : { detail: `Removing key ${keyId} would send ${deleting} to the key server.` };
        },
      },
    },
  },
  'EXT-7': {
    text: 'At most 32 KPs per vCenter; a cluster default KP from 8.0 Update 1 on.',
    fault: 'NotSupported',
    remedy:
      'Remove a key provider that is not used; for a cluster default use vCenter 8.0 Update 1 or later.',
    on: {
      providerChange: {
        appliesTo: () => true,
        check: ({ change, provider, count, vcenterVersion }) => {
          if (change === 'add') {
            return count < KEY_PROVIDER_LIMIT
              ? undefined
              : { detail: `There are ${count} key providers already; ${provider} would be one too many.` };
          }
          return olderThan('This vCenter', vcenterVersion, '8.0.1');
        },
      },
    },
  },
  'EXT-8': {
    text: 'The spec of a migration carries a one-time 256-bit key and a 64-bit nonce, made by the vCenter, thrown away at the end; the data is AES-GCM protected and every message counter is accepted once.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: ({ hostChanges }) => hostChanges,
        decide: (_facts, draft) => {
          draft.oneTimeKey = draft.encryptedVmotion
            ? { ...ONE_TIME_KEY, madeBy: 'sourceVcenter', lifetime: 'thisMigration' }
            : undefined;
        },
        check: (_facts, { encryptedVmotion, oneTimeKey }) => {
          if (!encryptedVmotion) {
            return oneTimeKey && { detail: 'A plain stream would carry a one-time key.' };
          }
          const right =
            oneTimeKey?.keyBytes === ONE_TIME_KEY.keyBytes &&
            oneTimeKey.nonceBytes === ONE_TIME_KEY.nonceBytes &&
            oneTimeKey.madeBy === 'sourceVcenter' &&
            oneTimeKey.lifetime === 'thisMigration';
          return right
            ? undefined
            : { detail: 'The encrypted stream would not have a one-time 256-bit key and 64-bit nonce.' };
        },
      },
    },
  },
} as const satisfies Record<string, Rule>;

function unsupportedKind(
  kind: ProviderKind,
  vcenterVersion: string,
  vcenterName: string,
  host?: HostFacts,
): Finding | undefined {
  if (kind === 'standard') return undefined;
  const floor = kind === 'native' ? '7.0.2' : '7.0';
  const old =
    olderThan(`vCenter ${vcenterName}`, vcenterVersion, floor) ??
    (host && olderThan(`ESXi of host ${host.name}`, host.version, floor));
  if (old || kind === 'native') return old;
  const gone = [vcenterVersion, host?.version].find((version) => version && isAtLeast(version, '9.0'));
  return gone === undefined
    ? undefined
    : { detail: `vSphere Trust Authority is absent from ${gone}; it ended before 9.0.` };
}

function notBackedUp(side: SideFacts, name: string): Finding | undefined {
  const provider = providerNamed(side, name);
  if (provider?.kind !== 'native' || provider.hasBackup) return undefined;
  return { detail: `Native key provider ${name} of vCenter ${side.vcenter.name} has not been backed up.` };
}

function lacksRequiredTpm(provider: EncryptFacts['provider'], host: HostFacts): Finding | undefined {
  if (provider.kind !== 'native' || !provider.tpmRequired || host.tpmPresent) return undefined;
  return { detail: `Host ${host.name} has no TPM, which native key provider ${provider.name} requires.` };
}

function sameNameOtherKdk(facts: MigrationFacts): Finding | undefined {
  const used = new Set(providersOfKind(facts, 'native'));
  const clashes = facts.source.providers.filter((here) => {
    const there = providerNamed(facts.destination, here.name);
    return here.kind === 'native' && there?.kind === 'native' && here.kdkFingerprint !== there.kdkFingerprint;
  });
  const worst = clashes.find(({ name }) => used.has(name)) ?? clashes[0];
  if (!worst) return undefined;
  return {
    detail: `Native key provider ${worst.name} exists on ${facts.source.vcenter.name} and on ${facts.destination.vcenter.name} with different key derivation keys.`,
    severity: used.has(worst.name) ? 'error' : 'warning',
  };
}
