import { expect, test } from 'vitest';

import { OPERATIONS } from '../../../kms/operations/registry.js';
import { PROFILES } from '../../../kms/profiles.js';
import { oasisCases, operationsIn } from './cases.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';

/*
 * A profile may be claimed only if each of its mandatory cases is run by run-cases.ts and passes there: cases that ask
 * for operations which are not performed are skipped there, and those with known differences do not pass, unless every
 * conforming server has them.
 */

const claims = PROFILES.flatMap(({ v1, v2, cases }) => [
  ...(v1 === undefined ? [] : [[v1, 'oasis-1.4/mandatory', cases] as const]),
  ...(v2 === undefined ? [] : [[v2, 'oasis-2.1/mandatory', cases] as const]),
]);

test.each(claims)('%s: its cases in %s pass', (_profile, folder, beginning) => {
  const cases = oasisCases(folder).filter(({ name }) => name.startsWith(beginning));
  expect(cases).not.toEqual([]);
  const failing = cases.filter((one) => {
    const known = KNOWN_DIFFERENCES[one.name];
    const performed = operationsIn(one).every((operation) => Object.hasOwn(OPERATIONS, operation));
    return !performed || (known !== undefined && known.conforms !== true);
  });
  expect(failing.map(({ name }) => name)).toEqual([]);
});
