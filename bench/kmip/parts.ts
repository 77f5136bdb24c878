import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makeCertificates } from './certificates.js';
import { LoadGenerator } from './load-generator.js';
import { markdownOf, writeResults } from './report.js';
import type { Row } from './report.js';
import type { Setting } from './setting.js';

const RESULTS = fileURLToPath(new URL('../../../bench/results/', import.meta.url));

/**
 * A benchmark's main program: measures its parts, or those that `--only` names, prints the table, and writes the results
 * of a whole run. The exit code is 1 if a floor is not met.
 *
 * @param name of the files with the results
 */
export async function runParts(
  name: string,
  parts: Readonly<Record<string, (setting: Setting) => Promise<readonly Row[]>>>,
): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
  });
  const wanted = values.only?.split(',') ?? Object.keys(parts);
  const unknown = wanted.filter((one) => !Object.hasOwn(parts, one));
  if (unknown.length > 0) {
    throw new Error(`No part is called ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}.`);
  }
  const directory = await mkdtemp(join(tmpdir(), 'kpsim-bench-'));
  const rows: Row[] = [];
  try {
    const certificates = await makeCertificates(directory);
    for (const [part, measure] of Object.entries(parts)) {
      if (!wanted.includes(part)) continue;
      const load = new LoadGenerator();
      const own = join(directory, part);
      await mkdir(own);
      const setting: Setting = { directory: own, certificates, load, quick: values.quick };
      try {
        rows.push(...(await measure(setting)));
      } finally {
        await load.close();
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  process.stdout.write(markdownOf(rows));
  if (values.only === undefined && !values.quick) await writeResults(RESULTS, name, rows);
  if (rows.some(({ holds }) => holds === false)) process.exitCode = 1;
}
