import type { Rule } from '../rule.js';
import {
  bothHostsSupportEncryptedVmotion,
  effectiveMode,
  failedHost,
  supportsEncryptedVmotion,
} from './situation.js';

/** Encrypted vMotion states: MODE-1 to MODE-5 of the migration rules. */
export const MODE_RULES = {
  'MODE-1': {
    text: 'disabled: encrypted vMotion is not used.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: (facts) => facts.hostChanges && !facts.vm.encrypted && effectiveMode(facts) === 'disabled',
        decide: (_facts, draft) => {
          draft.encryptedVmotion = false;
        },
        check: ({ vm }, plan) =>
          plan.encryptedVmotion
            ? { detail: `The plan encrypts the stream of ${vm.name}, whose encrypted vMotion is disabled.` }
            : undefined,
      },
    },
  },
  'MODE-2': {
    text: 'opportunistic (the default): used if both source and destination host support it. Only ESXi 6.5 and later do.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: (facts) =>
          facts.hostChanges && !facts.vm.encrypted && effectiveMode(facts) === 'opportunistic',
        decide: (facts, draft) => {
          draft.encryptedVmotion = bothHostsSupportEncryptedVmotion(facts);
        },
        check: (facts, plan) => {
          const possible = bothHostsSupportEncryptedVmotion(facts);
          if (plan.encryptedVmotion === possible) return undefined;
          return {
            detail: possible
              ? `Both hosts support encrypted vMotion, but the plan does not use it for ${facts.vm.name}.`
              : `The plan uses encrypted vMotion for ${facts.vm.name}, which not both hosts support.`,
          };
        },
      },
    },
  },
  'MODE-3': {
    text: 'required: only encrypted vMotion is allowed; if either host does not support it, the migration fails.',
    fault: 'MigrationFeatureNotSupported',
    remedy:
      'Choose hosts of ESXi 6.5 or later, or, if the VM is not encrypted, set it to opportunistic with ReconfigVM_Task.',
    on: {
      migration: {
        appliesTo: (facts) => facts.hostChanges && effectiveMode(facts) === 'required',
        decide: (_facts, draft) => {
          draft.encryptedVmotion = true;
        },
        check: (facts, plan) => {
          if (!plan.encryptedVmotion) {
            return {
              detail: `The plan does not encrypt the stream of ${facts.vm.name}, which requires encrypted vMotion.`,
              fields: failedHost(facts, facts.source),
            };
          }
          const unable = [facts.source, facts.destination].find((side) => !supportsEncryptedVmotion(side));
          return (
            unable && {
              detail: `Host ${unable.host.name} (ESXi ${unable.host.version}) does not support the encrypted vMotion that ${facts.vm.name} requires.`,
              fields: failedHost(facts, unable),
            }
          );
        },
      },
    },
  },
  'MODE-4': {
    text: 'A VM that is encrypted keeps a record of the setting it had, and is required from then on. Decrypting it later leaves required in place until someone changes it explicitly.',
    fault: 'SystemError',
    remedy: 'Report this: the setting that the VM would get is wrong, and nothing was changed.',
    on: {
      reconfigure: {
        appliesTo: ({ encryptedBefore, crypto }) => encryptedBefore || crypto === 'encrypt',
        decide: (facts, draft) => {
          if (!facts.encryptedBefore) draft.recorded = facts.modeBefore;
          if (facts.crypto !== 'decrypt' || facts.requestedMode === undefined) draft.mode = 'required';
        },
        check: (facts, plan) => {
          const explicit = facts.crypto === 'decrypt' ? facts.requestedMode : undefined;
          if (plan.mode !== (explicit ?? 'required')) {
            return { detail: `${facts.vm} would be left ${plan.mode} instead of ${explicit ?? 'required'}.` };
          }
          if (!facts.encryptedBefore && plan.recorded !== facts.modeBefore) {
            return {
              detail: `${facts.vm} was ${facts.modeBefore} before it is encrypted, but that is not recorded.`,
            };
          }
          return undefined;
        },
      },
    },
  },
  'MODE-5': {
    text: 'The state can be set when a VM is created and changed later, for unencrypted VMs only.',
    fault: 'InvalidVmConfig',
    messageKey: 'msg.hostd.configSpec.enc.encrypted',
    remedy:
      'Leave migrateEncryption out for an encrypted VM, or decrypt the VM in the same or an earlier call.',
    on: {
      reconfigure: {
        appliesTo: ({ requestedMode }) => requestedMode !== undefined,
        decide: (facts, draft) => {
          if (!facts.encryptedBefore && facts.crypto !== 'encrypt' && facts.requestedMode) {
            draft.mode = facts.requestedMode;
          }
          if (facts.crypto === 'decrypt' && facts.requestedMode) draft.mode = facts.requestedMode;
        },
        check: ({ vm, encryptedBefore, crypto, requestedMode, modeBefore }) =>
          encryptedBefore && crypto !== 'decrypt' && requestedMode !== modeBefore
            ? { detail: `The encrypted vMotion state of ${vm} cannot be changed while the VM is encrypted.` }
            : undefined,
      },
    },
  },
} as const satisfies Record<string, Rule>;
