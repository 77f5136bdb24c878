import type { VimFault } from '../../wire/vim25/index.js';
import type {
  EncryptFacts,
  KeyRemovalFacts,
  KeyRemovalPlan,
  MigrationFacts,
  PowerOnFacts,
  ProviderChangeFacts,
  ReconfigureFacts,
  ReconfigurePlan,
  TransferPlan,
} from './rule-facts.js';

/** The acts that rules speak of: the facts of each, and the plan that rules decide where there is one. */
export interface RuleActs {
  readonly migration: { readonly facts: MigrationFacts; readonly plan: TransferPlan };
  readonly reconfigure: { readonly facts: ReconfigureFacts; readonly plan: ReconfigurePlan };
  readonly encrypt: { readonly facts: EncryptFacts; readonly plan: undefined };
  readonly powerOn: { readonly facts: PowerOnFacts; readonly plan: undefined };
  readonly providerChange: { readonly facts: ProviderChangeFacts; readonly plan: undefined };
  readonly keyRemoval: { readonly facts: KeyRemovalFacts; readonly plan: KeyRemovalPlan };
}

/** The name of an act. */
export type RuleAct = keyof RuleActs;

/** What a clause finds wrong. */
export interface Finding {
  /** What is wrong in this very case: names, versions, providers. */
  readonly detail: string;
  /** `warning` names a hazard and lets the act go on; `error` unless told. */
  readonly severity?: 'error' | 'warning';
  /** Fields of the fault, for example `object` and `privilegeId`. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** What a rule means for one act. */
export interface Clause<A extends RuleAct> {
  /** Whether the rule has anything to say of this case. */
  appliesTo(facts: RuleActs[A]['facts']): boolean;
  /** Writes what the rule demands into the draft of the plan; clauses run in the order of the table. */
  decide?(facts: RuleActs[A]['facts'], draft: RuleActs[A]['plan']): void;
  /** What breaks the rule in the facts or in the finished plan; undefined if nothing does. */
  check(facts: RuleActs[A]['facts'], plan: RuleActs[A]['plan']): Finding | undefined;
}

/** One rule of encrypted vMotion, migration and key providers. */
export interface Rule {
  /** The rule itself, as documented. */
  readonly text: string;
  /** The vim25 fault that a violation is reported as. */
  readonly fault: VimFault['fault'];
  /** vSphere's own message key for it, where one is known. */
  readonly messageKey?: string;
  /** What to do about a violation. */
  readonly remedy: string;
  /** What the rule means, act by act. */
  readonly on: { readonly [A in RuleAct]?: Clause<A> };
}

/** A rule that is broken in one case. */
export interface Violation {
  /** The rule's number, for example `XVC-2n`. */
  readonly rule: string;
  readonly severity: 'error' | 'warning';
  readonly fault: VimFault['fault'];
  readonly messageKey?: string | undefined;
  /** What is wrong in this case. */
  readonly detail: string;
  readonly text: string;
  readonly remedy: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
