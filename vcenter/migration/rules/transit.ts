import type { Rule } from '../rule.js';
import type { DiskFacts, MigrationFacts, TransferPlan } from '../rule-facts.js';
import { effectiveMode, failedHost, supportsEncryptedVmotion } from './situation.js';

/** What is encrypted while it crosses: ENC-1 to ENC-4 of the migration rules. */
export const TRANSIT_RULES = {
  'ENC-1': {
    text: 'vMotion of an encrypted VM always uses encrypted vMotion.',
    fault: 'MigrationFeatureNotSupported',
    remedy: 'Use hosts of ESXi 6.5 or later on both sides; an encrypted VM cannot cross without encryption.',
    on: {
      migration: {
        appliesTo: ({ vm, hostChanges }) => vm.encrypted && hostChanges,
        decide: (_facts, draft) => {
          draft.encryptedVmotion = true;
        },
        check: (facts, plan) => {
          if (!plan.encryptedVmotion) {
            return {
              detail: `The plan moves the encrypted VM ${facts.vm.name} over a plain stream.`,
              fields: failedHost(facts, facts.source),
            };
          }
          const unable = [facts.source, facts.destination].find((side) => !supportsEncryptedVmotion(side));
          return (
            unable && {
              detail: `Host ${unable.host.name} does not support encrypted vMotion.`,
              fields: failedHost(facts, unable),
            }
          );
        },
      },
    },
  },
  'ENC-2': {
    text: 'Data of an encrypted disk always travels encrypted, in every case.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: ({ vm }) => vm.disks.some((disk) => disk.encrypted && disk.moves),
        decide: (facts, draft) => setTransit(facts, draft, (disk) => disk.encrypted, 'encrypted'),
        check: (facts, plan) => wrongTransit(facts, plan, (disk) => disk.encrypted, 'encrypted'),
      },
    },
  },
  'ENC-3a': {
    text: 'An unencrypted disk whose data stays on its host (only the datastore changes) travels unencrypted.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: ({ vm, hostChanges }) =>
          !hostChanges && vm.disks.some((disk) => !disk.encrypted && disk.moves),
        decide: (facts, draft) => setTransit(facts, draft, (disk) => !disk.encrypted, 'plain'),
        check: (facts, plan) => wrongTransit(facts, plan, (disk) => !disk.encrypted, 'plain'),
      },
    },
  },
  'ENC-3b': {
    text: 'An unencrypted disk that moves between hosts travels encrypted if encrypted vMotion is used, and unencrypted if it is not.',
    fault: 'SystemError',
    remedy: 'Report this: the plan of the migration is wrong, and nothing was moved.',
    on: {
      migration: {
        appliesTo: ({ vm, hostChanges }) =>
          hostChanges && vm.disks.some((disk) => !disk.encrypted && disk.moves),
        decide: (facts, draft) =>
          setTransit(facts, draft, (disk) => !disk.encrypted, draft.encryptedVmotion ? 'encrypted' : 'plain'),
        check: (facts, plan) =>
          wrongTransit(facts, plan, (disk) => !disk.encrypted, plan.encryptedVmotion ? 'encrypted' : 'plain'),
      },
    },
  },
  'ENC-4': {
    text: 'Encrypted vMotion cannot be turned off for an encrypted VM.',
    fault: 'InvalidVmConfig',
    messageKey: 'msg.hostd.configSpec.enc.mismatch',
    remedy: 'Leave migrateEncryption out, or set it to required; decrypt the VM first to choose freely.',
    on: {
      migration: {
        appliesTo: ({ vm }) => vm.encrypted,
        check: (facts) => {
          const mode = effectiveMode(facts);
          return mode === 'required'
            ? undefined
            : {
                detail: `Encrypted vMotion of the encrypted VM ${facts.vm.name} is to be ${mode} instead of required.`,
              };
        },
      },
      reconfigure: {
        appliesTo: ({ encryptedBefore, crypto, requestedMode }) =>
          (encryptedBefore ? crypto !== 'decrypt' : crypto === 'encrypt') && requestedMode !== undefined,
        check: ({ vm, requestedMode }) =>
          requestedMode === 'required'
            ? undefined
            : { detail: `The encrypted VM ${vm} was to get encrypted vMotion ${String(requestedMode)}.` },
      },
    },
  },
} as const satisfies Record<string, Rule>;

function setTransit(
  facts: MigrationFacts,
  draft: TransferPlan,
  concerns: (disk: DiskFacts) => boolean,
  transit: 'encrypted' | 'plain',
): void {
  const moving = new Set(facts.vm.disks.filter((disk) => disk.moves && concerns(disk)).map(({ key }) => key));
  draft.disks = draft.disks.map((disk) => (moving.has(disk.key) ? { ...disk, transit } : disk));
}

function wrongTransit(
  facts: MigrationFacts,
  plan: TransferPlan,
  concerns: (disk: DiskFacts) => boolean,
  expected: 'encrypted' | 'plain',
): { detail: string } | undefined {
  for (const disk of facts.vm.disks) {
    if (!disk.moves || !concerns(disk)) continue;
    const planned = plan.disks.find(({ key }) => key === disk.key)?.transit ?? 'not planned';
    if (planned !== expected) {
      return {
        detail: `Disk ${disk.key} of ${facts.vm.name} would travel ${planned} instead of ${expected}.`,
      };
    }
  }
  return undefined;
}
