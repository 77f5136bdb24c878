import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';

/** One number that must hold. */
export interface Row {
  readonly what: string;
  /** What was measured, in words with units. */
  readonly measured: string;
  readonly ratio?: number | undefined;
  /** What must hold, in words; absent from a number that is for comparison only. */
  readonly floor?: string | undefined;
  /** Undefined for a number that was not measured, or is for comparison only. */
  readonly holds: boolean | undefined;
  /** Numbers behind it, for the JSON file. */
  readonly details?: unknown;
}

/** The rows as a Markdown table, with the machine below it. */
export function markdownOf(rows: readonly Row[]): string {
  const header = ['what', 'measured', 'ratio', 'must be', ''];
  const lines = rows.map(({ what, measured, ratio, floor, holds }) => [
    what,
    measured,
    ratio === undefined ? '' : ratio.toFixed(2),
    floor ?? '',
    floor === undefined ? '' : verdictOf(holds),
  ]);
  const table = [header, header.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [...table, '', machine(), ''].join('\n');
}

function verdictOf(holds: boolean | undefined): string {
  if (holds === undefined) return 'not measured';
  return holds ? 'holds' : 'FAILS';
}

/** Writes the rows to `<name>.json` and `<name>.md` of a directory. */
export async function writeResults(directory: string, name: string, rows: readonly Row[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const json = { machine: machine(), rows };
  await writeFile(join(directory, `${name}.json`), `${JSON.stringify(json, null, 2)}\n`);
  await writeFile(join(directory, `${name}.md`), markdownOf(rows));
}

/** The machine, and how busy it was besides. */
function machine(): string {
  const [first] = cpus();
  const load = loadavg().map((one) => one.toFixed(1));
  return `${cpus().length} cores (${first?.model ?? 'unknown'}), Node ${process.versions.node}, load average ${load.join(' ')}`;
}
