import { describe, expect, it } from 'vitest';

import { EVIDENCE_FAULTS } from '../../host-agent/index.js';
import { PLAYED_NAMES } from '../../lab/attest/plays/index.js';
import {
  ATTESTATION_REASONS,
  ENTRIES_WITHOUT_REASON,
  SCENARIO_NAMES,
  reasonRow,
  scenarioRow,
} from '../../wire/attestation/index.js';
import type { AttestationReason, ScenarioName } from '../../wire/attestation/index.js';

const WHOLE_CATALOGUE = Array.from({ length: 61 }, (_, index) => index + 1);
const HOST_NAMES = SCENARIO_NAMES.filter((name) => scenarioRow(name).place === 'host');

/** Entries of the catalogue that a correct verifier has nothing to refuse for. */
const WITHOUT_REASON = new Set(Object.keys(ENTRIES_WITHOUT_REASON).map(Number));

function numbersOf(names: readonly ScenarioName[]): Set<number> {
  return new Set(names.flatMap((name) => scenarioRow(name).catalogue));
}

describe('the catalogue of attestation failures', () => {
  it('has a scenario for every number from 1 to 61, and for none other', () => {
    const numbers = [...numbersOf(SCENARIO_NAMES)].sort((left, right) => left - right);
    expect(numbers).toEqual(WHOLE_CATALOGUE);
  });

  it('lists its scenarios in the order of their numbers', () => {
    const first = SCENARIO_NAMES.map((name) => scenarioRow(name).catalogue[0] ?? 0);
    expect(first).toEqual(first.toSorted((left, right) => left - right));
  });

  it('has at a host exactly the evidence faults, under their names', () => {
    expect([...HOST_NAMES].sort()).toEqual(EVIDENCE_FAULTS.map(({ name }) => name).sort());
  });

  it('says of each the same as the evidence fault of its name', () => {
    const said = HOST_NAMES.map((name) => {
      const { catalogue, sentence } = scenarioRow(name);
      return { name, catalogue, sentence };
    });
    const faults = new Map(EVIDENCE_FAULTS.map((row) => [row.name, row]));
    const known = said.map(({ name }) => {
      const row = faults.get(name);
      return { name, catalogue: row?.catalogueNumbers, sentence: row?.sentence };
    });
    expect(known).toEqual(said);
  });

  it('has a play for every scenario, and no play for anything else', () => {
    expect([...PLAYED_NAMES].sort()).toEqual([...SCENARIO_NAMES].sort());
  });

  it.each(SCENARIO_NAMES)('expects of %s a reason that has its number', (name) => {
    const { catalogue, expected } = scenarioRow(name);
    const numbers = expected.outcome === 'refused' ? reasonRow(expected.reason).catalogue : [];
    if (expected.outcome === 'refused') {
      const strange = catalogue.filter((number) => !numbers.includes(number) && !WITHOUT_REASON.has(number));
      expect(strange).toEqual([]);
    } else {
      // What passes either has no reason at all, or stands beside scenarios of its number that are refused.
      const beside = SCENARIO_NAMES.filter((other) => scenarioRow(other).expected.outcome === 'refused');
      const refused = numbersOf(beside);
      expect(catalogue.filter((number) => !refused.has(number) && !WITHOUT_REASON.has(number))).toEqual([]);
    }
  });

  it('expects every reason that has a number', () => {
    const expected = new Set<AttestationReason>();
    for (const name of SCENARIO_NAMES) {
      const row = scenarioRow(name);
      if (row.expected.outcome === 'refused') expected.add(row.expected.reason);
    }
    const numbered = (Object.keys(ATTESTATION_REASONS) as AttestationReason[]).filter(
      (reason) => reasonRow(reason).catalogue.length > 0,
    );
    expect(numbered.filter((reason) => !expected.has(reason))).toEqual([]);
  });

  it.each(SCENARIO_NAMES)('says of %s what is broken, in a sentence', (name) => {
    expect(scenarioRow(name).sentence).toMatch(/^[A-Z][^\n]{20,200}\.$/);
  });
});
