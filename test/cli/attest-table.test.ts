import { expect, it } from 'vitest';

import { verdictOf } from '../../cli/attest/table.js';
import type { ScenarioResult } from '../../lab/attest/index.js';

it('tells how scenarios ended, also when there was one', () => {
  const result = { asExpected: true, ms: 600 } as ScenarioResult;
  expect(verdictOf([result])).toBe('The scenario ended as expected, in 0.6 s.');
  expect(verdictOf([result, result])).toBe('All 2 scenarios ended as expected, in 1.2 s.');
});
