import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import type { RuleAct, RuleActs } from '../../../vcenter/migration/rule.js';
import { RULE_ROWS, RULES, decide, planTransfer, precheck } from '../../../vcenter/migration/rules.js';
import type { Case, RuleCases } from './cases.js';
import { CASES } from './cases.js';
import { NATIVE, encryptedVm, migration, plainVm, reconfigure } from './fixture.js';

/** The plan of a case: the spoiled one, or the one that the rules decide from a neutral draft. */
function planOf<A extends RuleAct>(act: A, { facts, plan }: Case<A>): RuleActs[A]['plan'] {
  if (plan !== undefined) return plan;
  if (act === 'migration') return planTransfer(facts as RuleActs['migration']['facts']);
  if (act === 'reconfigure') {
    const { modeBefore, recordedBefore } = facts as RuleActs['reconfigure']['facts'];
    return decide(act, facts, { mode: modeBefore, recorded: recordedBefore });
  }
  if (act === 'keyRemoval') return decide(act, facts, { keyServerOperations: ['Destroy'] });
  return undefined;
}

describe.each(RULE_ROWS.map(([id, rule]) => ({ id, rule })))('rule $id', ({ id, rule }) => {
  const acts = Object.keys(rule.on) as RuleAct[];

  it('has a passing and a failing case for each act that it speaks of', () => {
    expect(Object.keys(CASES[id]).sort()).toEqual([...acts].sort());
  });

  it.each(acts)('applies to its passing case of %s and finds nothing there', (act) => {
    const { passing } = CASES[id][act] as NonNullable<RuleCases['migration']>;
    const clause = rule.on[act] as NonNullable<(typeof rule.on)['migration']>;
    expect(clause.appliesTo(passing.facts)).toBe(true);
    expect(clause.check(passing.facts, planOf(act as 'migration', passing))).toBeUndefined();
  });

  it.each(acts)('is reported for its failing case of %s with its number, fault and remedy', (act) => {
    const { failing } = CASES[id][act] as NonNullable<RuleCases['migration']>;
    const violations = precheck(act as 'migration', failing.facts, planOf(act as 'migration', failing));
    const found = violations.find((violation) => violation.rule === id);
    expect(found).toMatchObject({ fault: rule.fault, remedy: rule.remedy, text: rule.text });
    expect(found?.detail).not.toBe('');
  });
});

describe('the rules together', () => {
  it('are all the documented ones, in the documented words', () => {
    const rows = readFileSync(
      fileURLToPath(new URL('../../../docs/migration-rules.md', import.meta.url)),
      'utf8',
    )
      .split('\n')
      .map((line) => /^\| ([A-Z]+-\d\w?) *\| (.+?) *\|$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => [match[1] ?? '', (match[2] ?? '').replaceAll('`', '')]);
    expect(Object.fromEntries(rows)).toEqual(
      Object.fromEntries(RULE_ROWS.map(([id, { text }]) => [id, text])),
    );
  });

  it('allow an encrypted VM to cross two well configured vCenters, encrypted all the way', () => {
    const facts = migration();
    const plan = planTransfer(facts);
    expect(precheck('migration', facts, plan)).toEqual([]);
    expect(plan).toMatchObject({
      encryptedVmotion: true,
      disks: [
        { key: 2000, transit: 'encrypted' },
        { key: 2001, transit: 'encrypted' },
      ],
      oneTimeKey: { keyBytes: 32, nonceBytes: 8 },
    });
  });

  it('report every violation of a case, not only the first', () => {
    const facts = migration({
      vm: encryptedVm('native', 'nkp-1'),
      withoutPrivilege: 'Cryptographer.Migrate',
      destination: {
        providers: [{ ...NATIVE, kdkFingerprint: 'second' }],
        host: { inCluster: false, nativeProviders: [] },
      },
    });
    const found = precheck('migration', facts, planTransfer(facts)).map(({ rule }) => rule);
    expect(found).toEqual(['PRIV-1', 'XVC-2n', 'XVC-3', 'NKP-1', 'EXT-4']);
  });

  it('name the object and the privilege that a user lacks', () => {
    const facts = migration({ withoutPrivilege: 'Cryptographer.EncryptNew' });
    const [violation] = precheck('migration', facts, planTransfer(facts));
    expect(violation).toMatchObject({
      rule: 'PRIV-3',
      fault: 'NoPermission',
      fields: { privilegeId: 'Cryptographer.EncryptNew', object: { type: 'Folder', value: 'group-v2' } },
    });
  });

  it('only warn of a provider name with two key derivation keys that the VM does not use', () => {
    const facts = migration({
      destination: { providers: CASES['EXT-4'].migration!.failing.facts.destination.providers },
    });
    expect(precheck('migration', facts, planTransfer(facts))).toMatchObject([
      { rule: 'EXT-4', severity: 'warning' },
    ]);
  });

  it('send an unencrypted VM in the clear where a host is too old for encrypted vMotion', () => {
    const facts = migration({ vm: plainVm('opportunistic'), source: { host: { version: '6.0.0' } } });
    expect(planTransfer(facts)).toMatchObject({
      encryptedVmotion: false,
      disks: [{ key: 2000, transit: 'plain' }],
      oneTimeKey: undefined,
    });
  });

  it('leave required in place when a VM is decrypted, until somebody changes it', () => {
    const facts = reconfigure({
      encryptedBefore: true,
      crypto: 'decrypt',
      modeBefore: 'required',
      recordedBefore: 'disabled',
    });
    expect(decide('reconfigure', facts, { mode: 'required', recorded: 'disabled' })).toEqual({
      mode: 'required',
      recorded: 'disabled',
    });
    expect(
      decide('reconfigure', reconfigure({ modeBefore: 'required', requestedMode: 'opportunistic' }), {
        mode: 'required',
      }),
    ).toEqual({ mode: 'opportunistic' });
  });

  it('hold no rule without an act', () => {
    for (const [id, rule] of Object.entries(RULES)) expect(Object.keys(rule.on), id).not.toHaveLength(0);
  });
});
