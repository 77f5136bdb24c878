import type { Clause, Rule, RuleAct, RuleActs, Violation } from './rule.js';
import type { MigrationFacts, TransferPlan } from './rule-facts.js';
import { ACROSS_VCENTER_RULES } from './rules/across-vcenters.js';
import { CHANGE_RULES } from './rules/changes.js';
import { KNOWN_LIMIT_RULES } from './rules/known-limits.js';
import { MODE_RULES } from './rules/modes.js';
import { PRIVILEGE_RULES } from './rules/privileges.js';
import { PROVIDER_RULES } from './rules/providers.js';
import { TRANSIT_RULES } from './rules/transit.js';
import { VERSION_RULES } from './rules/versions.js';

/**
 * Every rule of encrypted vMotion, of migrate and clone across vCenters, and of key providers, by its number.
 * The order is that of evaluation: the mode of the stream is decided before the way each disk travels.
 */
export const RULES = {
  ...PRIVILEGE_RULES,
  ...MODE_RULES,
  ...TRANSIT_RULES,
  ...ACROSS_VCENTER_RULES,
  ...CHANGE_RULES,
  ...VERSION_RULES,
  ...PROVIDER_RULES,
  ...KNOWN_LIMIT_RULES,
} as const satisfies Record<string, Rule>;

/** A rule's number, for example `XVC-2n`. */
export type RuleId = keyof typeof RULES;

/** All rules with their numbers, in the order of evaluation. */
export const RULE_ROWS: readonly (readonly [RuleId, Rule])[] = Object.entries(RULES) as [RuleId, Rule][];

/** Lets every rule that decides write its demand into the draft, and returns the draft. */
export function decide<A extends RuleAct>(
  act: A,
  facts: RuleActs[A]['facts'],
  draft: RuleActs[A]['plan'],
): RuleActs[A]['plan'] {
  for (const [, clause] of clausesOf(act)) {
    if (clause.appliesTo(facts)) clause.decide?.(facts, draft);
  }
  return draft;
}

/** Evaluates all rules for one act, and returns every violation, not only the first. */
export function precheck<A extends RuleAct>(
  act: A,
  facts: RuleActs[A]['facts'],
  plan: RuleActs[A]['plan'],
): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [[id, rule], clause] of clausesOf(act)) {
    const finding = clause.appliesTo(facts) ? clause.check(facts, plan) : undefined;
    if (!finding) continue;
    violations.push({
      rule: id,
      severity: finding.severity ?? 'error',
      fault: rule.fault,
      messageKey: rule.messageKey,
      detail: finding.detail,
      text: rule.text,
      remedy: rule.remedy,
      fields: finding.fields ?? {},
    });
  }
  return violations;
}

/** The plan of a migration as the rules decide it; {@link precheck} proves it. */
export function planTransfer(facts: MigrationFacts): TransferPlan {
  return decide('migration', facts, {
    encryptedVmotion: false,
    disks: facts.vm.disks.map(({ key }) => ({ key, transit: 'stays' })),
    makeHostSafe: false,
    storagePolicy: facts.vm.storagePolicy,
    diskStoragePolicies: [],
  });
}

function clausesOf<A extends RuleAct>(act: A): readonly (readonly [readonly [RuleId, Rule], Clause<A>])[] {
  return RULE_ROWS.flatMap((row) => {
    const clause = row[1].on[act];
    return clause ? [[row, clause] as const] : [];
  });
}
