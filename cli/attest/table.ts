import type { ScenarioResult } from '../../lab/attest/index.js';

/** Columns of the table that is printed as the scenarios go: title and width. */
const COLUMNS = [
  ['', 4],
  ['name', 36],
  ['no.', 3],
  ['expected', 31],
  ['seen', 31],
  ['step', 25],
  ['severity', 9],
  ['recoverable', 11],
] as const satisfies readonly (readonly [string, number])[];

function lineOf(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(COLUMNS[column]?.[1] ?? 0))
    .join('  ')
    .trimEnd();
}

/** The line above the table. */
export const RESULT_HEAD = lineOf(COLUMNS.map(([title]) => title));

/** One scenario; what was not as expected is told below it. */
export function resultLine(result: ScenarioResult): string {
  const { name, catalogue, expected, asExpected, step, severity } = result;
  const line = lineOf([
    asExpected ? 'ok' : 'FAIL',
    name,
    catalogue.join(','),
    expected.outcome === 'passes' ? 'passes' : expected.reason,
    seenOf(result),
    step ?? '-',
    severity ?? '-',
    recoveryOf(result),
  ]);
  return asExpected ? line : `${line}\n      ${whyOf(result)}`;
}

/**
 * How it ended, in a sentence.
 *
 * @param chosen how many were to be run; more than were if the user stopped it
 */
export function verdictOf(results: readonly ScenarioResult[], chosen: number): string {
  const seconds = (results.reduce((sum, { ms }) => sum + ms, 0) / 1000).toFixed(1);
  const unexpected = results.filter(({ asExpected }) => !asExpected).length;
  if (results.length < chosen) {
    const told = unexpected === 0 ? 'all as expected' : `${unexpected} not as expected`;
    return `${results.length} of ${chosen} scenarios were run${results.length === 0 ? '' : `, ${told}`}, in ${seconds} s.`;
  }
  const all = results.length === 1 ? 'The scenario' : `All ${results.length} scenarios`;
  const told =
    unexpected === 0
      ? `${all} ended as expected`
      : `${unexpected} of ${results.length} scenarios did not end as expected`;
  return `${told}, in ${seconds} s.`;
}

function seenOf({ outcome, reason }: ScenarioResult): string {
  return outcome === 'refused' ? (reason ?? '-') : outcome;
}

/** What the reason says, and what was seen where that differs. */
function recoveryOf({ recoverable, recovered }: ScenarioResult): string {
  if (recovered === undefined) return '-';
  const seen = recovered ? 'yes' : 'no';
  return recovered === recoverable ? seen : `${recoverable ? 'yes' : 'no'}, but ${seen}`;
}

function whyOf({ outcome, message }: ScenarioResult): string {
  if (outcome === 'passes') return 'It passes, though it is to be refused.';
  return message ?? 'Another reason, step or recovery than expected.';
}
