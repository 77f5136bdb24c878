import type { Rule } from '../rule.js';
import { lacking } from './situation.js';

const REMEDY =
  'Give the user a role with the missing privilege on the object that is named, or use another user.';

/** Privileges of migrate and clone: PRIV-1 to PRIV-4 of the migration rules. */
export const PRIVILEGE_RULES = {
  'PRIV-1': {
    text: 'Migrate: Cryptographer.Migrate on the VM.',
    fault: 'NoPermission',
    remedy: REMEDY,
    on: {
      migration: {
        appliesTo: ({ operation, vm }) => operation === 'migrate' && vm.encrypted,
        check: ({ privileges, vm }) => lacking(privileges.vm, 'Cryptographer.Migrate', `VM ${vm.name}`),
      },
    },
  },
  'PRIV-2': {
    text: 'Clone: Cryptographer.Clone on the VM.',
    fault: 'NoPermission',
    remedy: REMEDY,
    on: {
      migration: {
        appliesTo: ({ operation, vm }) => operation === 'clone' && vm.encrypted,
        check: ({ privileges, vm }) => lacking(privileges.vm, 'Cryptographer.Clone', `VM ${vm.name}`),
      },
    },
  },
  'PRIV-3': {
    text: 'Destination vCenter: Cryptographer.EncryptNew as well.',
    fault: 'NoPermission',
    remedy: REMEDY,
    on: {
      migration: {
        appliesTo: ({ acrossVcenters, vm }) => acrossVcenters && vm.encrypted,
        check: ({ privileges, destination }) =>
          lacking(
            privileges.destinationFolder,
            'Cryptographer.EncryptNew',
            `the VM folder of vCenter ${destination.vcenter.name}`,
          ),
      },
    },
  },
  'PRIV-4': {
    text: 'Destination host not in mode safe: Cryptographer.RegisterHost at the destination vCenter as well.',
    fault: 'NoPermission',
    remedy: `${REMEDY} Or have an administrator make the host safe first.`,
    on: {
      migration: {
        appliesTo: ({ vm, destination }) => vm.encrypted && destination.host.cryptoState !== 'safe',
        check: ({ privileges, destination }) =>
          lacking(
            privileges.destinationHost,
            'Cryptographer.RegisterHost',
            `host ${destination.host.name}, which is ${destination.host.cryptoState}`,
          ),
      },
    },
  },
} as const satisfies Record<string, Rule>;
