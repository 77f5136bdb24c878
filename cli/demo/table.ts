import Table from 'cli-table3';

import type { DemoReport, Evidence, StepReport } from '../../lab/demo/demo.js';
import { whatHappened } from './progress.js';

/** How evidence is told, by its name in the report; what is not here is in `--json` only. */
const TOLD: Readonly<Record<string, (value: Evidence[string]) => string>> = {
  services: (value) => `${String(value)} services`,
  blocks: (value) => `${String(value)} blocks of plaintext on its disks`,
  foundAtRest: (value) => `${countOf(value)} found in its files`,
  foundOnWire: (value) => `${countOf(value)} seen on the wire`,
  wireBytes: (value) => `${String(value)} bytes on the wire`,
  keyId: (value) => `key ${shortened(String(value), 36)}`,
  sha256: (value) => listOf(value, (hash) => `sha256 ${hash.slice(0, 16)}…`),
  saved: (value) => `saved ${listOf(value, (path) => path)}`,
};

/**
 * The report as tables: what was done with which proof, and what was refused by which rule.
 *
 * @param planned how many steps there are; more than were run if the user stopped it
 */
export function demoTable(report: DemoReport, planned: number): string {
  const done = new Table({
    head: ['', 'step', 'proof'],
    colWidths: [6, 62, 46],
    wordWrap: true,
    style: PLAIN,
  });
  const refused = new Table({
    head: ['', 'must be refused', 'rule', 'fault', 'what to do about it'],
    colWidths: [6, 30, 8, 30, 46],
    wordWrap: true,
    style: PLAIN,
  });
  for (const step of report.steps) {
    if (step.expected.outcome === 'accepted') done.push([markOf(step), step.title, proofOf(step)]);
    else refused.push([markOf(step), step.title, ...refusalOf(step)]);
  }
  return [
    done.toString(),
    refused.toString(),
    `${verdictOf(report, planned)}, in ${(report.durationMs / 1000).toFixed(1)} s.`,
  ].join('\n');
}

function verdictOf({ ok, steps }: DemoReport, planned: number): string {
  const unexpected = steps.filter((step) => !step.ok).length;
  if (steps.length < planned) {
    return `${steps.length} of ${planned} steps were run, ${unexpected} not as expected`;
  }
  return ok
    ? `All ${steps.length} steps ended as expected`
    : `${unexpected} of ${steps.length} steps did not end as expected`;
}

function countOf(value: Evidence[string]): string {
  return value === 0 ? 'no block of it' : `${String(value)} blocks of it`;
}

/** Evidence that is one text or several. */
function listOf(value: Evidence[string] | undefined, told: (text: string) => string): string {
  const texts = typeof value === 'object' ? value : [String(value)];
  return texts.map(told).join(', ');
}

/** No colours: the table is for files and screen readers as well. */
const PLAIN = { head: [], border: [] };

function markOf({ ok }: StepReport): string {
  return ok ? 'ok' : 'FAIL';
}

function proofOf(step: StepReport): string {
  if (!step.ok) return whatHappened(step);
  return Object.entries(step.evidence)
    .flatMap(([name, value]) => TOLD[name]?.(value) ?? [])
    .join('; ');
}

function refusalOf(step: StepReport): [rule: string, fault: string, remedy: string] {
  const { refusal, ok } = step;
  if (!refusal) return ['-', '-', whatHappened(step)];
  const [rule = '-'] = refusal.rules;
  const wrong = ok ? '' : `Expected another rule. `;
  return [rule, refusal.fault, wrong + (refusal.remedy ?? refusal.message)];
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
