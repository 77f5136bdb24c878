import type { Rule } from '../rule.js';
import type { MigrationFacts } from '../rule-facts.js';

/** What a migration may not change: CHG-1 to CHG-3 of the migration rules. */
export const CHANGE_RULES = {
  'CHG-1': {
    text: 'The VM storage policy cannot be changed.',
    fault: 'NotSupported',
    messageKey: 'msg.disk.policyChangeFailure',
    remedy:
      'Leave profile out of the RelocateSpec, and change the policy with ReconfigVM_Task before or after.',
    on: {
      migration: {
        appliesTo: ({ operation }) => operation === 'migrate',
        check: (facts) => {
          const changed = changedPolicies(facts);
          return changed.length === 0
            ? undefined
            : { detail: `The migration would change the storage policy of ${changed.join(', ')}.` };
        },
      },
    },
  },
  'CHG-2': {
    text: 'A key change (shallow or deep recrypt) cannot be done.',
    fault: 'NotSupported',
    messageKey: 'com.vmware.vim.vpxd.encryption.opUnsupportedOnEncryptedVm',
    remedy: 'Leave the crypto spec out, and recrypt with ReconfigVM_Task before or after.',
    on: {
      migration: {
        appliesTo: () => true,
        check: ({ request, operation, vm }) => {
          const asked = [request.crypto, ...request.diskCrypto.map(({ change }) => change)];
          const recrypt = asked.find((change) => change === 'shallowRecrypt' || change === 'deepRecrypt');
          return recrypt && { detail: `The ${operation} of ${vm.name} asks for a ${recrypt}.` };
        },
      },
    },
  },
  'CHG-3': {
    text: 'A clone, unlike a migration, may change the storage policy.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the clone is wrong, and nothing was cloned.',
    on: {
      migration: {
        appliesTo: (facts) => facts.operation === 'clone' && changedPolicies(facts).length > 0,
        decide: ({ request, vm }, draft) => {
          draft.storagePolicy = request.storagePolicy ?? vm.storagePolicy;
          draft.diskStoragePolicies = request.diskStoragePolicies;
        },
        check: ({ request, vm }, plan) => {
          const missing = request.diskStoragePolicies.find(
            ({ key, storagePolicy }) =>
              !plan.diskStoragePolicies.some((row) => row.key === key && row.storagePolicy === storagePolicy),
          );
          const kept = request.storagePolicy ?? vm.storagePolicy;
          return missing !== undefined || plan.storagePolicy !== kept
            ? { detail: `The clone of ${vm.name} would not get the storage policy asked for.` }
            : undefined;
        },
      },
    },
  },
} as const satisfies Record<string, Rule>;

function changedPolicies({ request, vm }: MigrationFacts): readonly string[] {
  const changed = request.diskStoragePolicies
    .filter(({ key, storagePolicy }) => {
      const disk = vm.disks.find((candidate) => candidate.key === key);
      return (disk?.storagePolicy ?? vm.storagePolicy) !== storagePolicy;
    })
    .map(({ key }) => `disk ${key}`);
  if (request.storagePolicy !== undefined && request.storagePolicy !== vm.storagePolicy) {
    changed.unshift(`VM ${vm.name}`);
  }
  return changed;
}
