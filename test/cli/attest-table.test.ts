import { expect, it } from 'vitest';

import { verdictOf } from '../../cli/attest/table.js';
import { demoTable } from '../../cli/demo/table.js';
import type { DemoReport } from '../../lab/index.js';
import type { ScenarioResult } from '../../lab/attest/index.js';

it('tells how scenarios ended, also when there was one', () => {
  const result = { asExpected: true, ms: 600 } as ScenarioResult;
  expect(verdictOf([result], 1)).toBe('The scenario ended as expected, in 0.6 s.');
  expect(verdictOf([result, result], 2)).toBe('All 2 scenarios ended as expected, in 1.2 s.');
});

it('tells how many scenarios were run where not all were', () => {
  const result = { asExpected: true, ms: 600 } as ScenarioResult;
  const other = { ...result, asExpected: false };
  expect(verdictOf([result, result], 89)).toBe('2 of 89 scenarios were run, all as expected, in 1.2 s.');
  expect(verdictOf([result, other], 89)).toBe('2 of 89 scenarios were run, 1 not as expected, in 1.2 s.');
  expect(verdictOf([], 89)).toBe('0 of 89 scenarios were run, in 0.0 s.');
});

it('tells how many steps of the demo were run where not all were', () => {
  const report: DemoReport = { ok: false, version: '0.1.0', topology: 'test', durationMs: 1500, steps: [] };
  expect(demoTable(report, 23)).toMatch(/\n0 of 23 steps were run, 0 not as expected, in 1\.5 s\.$/);
});
