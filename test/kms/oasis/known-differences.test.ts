import { expect, test } from 'vitest';

import { CASE_FOLDERS, oasisCases } from './cases.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';

test('every known difference is of a case', () => {
  const names = new Set(CASE_FOLDERS.flatMap((folder) => oasisCases(folder).map(({ name }) => name)));
  expect(Object.keys(KNOWN_DIFFERENCES).filter((name) => !names.has(name))).toEqual([]);
});
