import type { Rule } from '../rule.js';
import type { MigrationFacts } from '../rule-facts.js';
import { firstOf, olderThan, usesKind } from './situation.js';

const standardCrosses = (facts: MigrationFacts): boolean =>
  facts.acrossVcenters && usesKind(facts, 'standard');

/** Least versions for a standard key provider across vCenters: VER-1 and VER-2 of the migration rules. */
export const VERSION_RULES = {
  'VER-1': {
    text: 'SKP across vCenters: source and destination vCenter 7.0 or later.',
    fault: 'NotSupported',
    remedy: 'Upgrade the older vCenter to 7.0 or later.',
    on: {
      migration: {
        appliesTo: standardCrosses,
        check: ({ source, destination }) =>
          firstOf([source.vcenter, destination.vcenter], ({ name, version }) =>
            olderThan(`vCenter ${name}`, version, '7.0'),
          ),
      },
    },
  },
  'VER-2': {
    text: 'SKP across vCenters: source and destination ESXi 6.7 or later.',
    fault: 'NotSupported',
    remedy: 'Upgrade the older host to ESXi 6.7 or later, or choose another one.',
    on: {
      migration: {
        appliesTo: standardCrosses,
        check: ({ source, destination }) =>
          firstOf([source.host, destination.host], ({ name, version }) =>
            olderThan(`ESXi of host ${name}`, version, '6.7'),
          ),
      },
    },
  },
} as const satisfies Record<string, Rule>;
