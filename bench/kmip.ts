/**
 * The key server against its limits and its peer: a bare mutual-TLS server in Node, and the PyKMIP server of Debian.
 * All are processes of their own, loaded by one further process; only ratios of one run can be compared.
 *
 * `npm run bench:kmip -- [--quick] [--only get,create,million,start]`; exit code 1 if a floor is not met.
 */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makeCertificates } from './kmip/certificates.js';
import { LoadGenerator } from './kmip/load-generator.js';
import { createRows } from './kmip/create.js';
import { getRows } from './kmip/get.js';
import { millionRows } from './kmip/million.js';
import { markdownOf, writeResults } from './kmip/report.js';
import type { Row } from './kmip/report.js';
import type { Setting } from './kmip/setting.js';
import { startRows } from './kmip/start.js';

/** What can be measured. */
const PARTS = { get: getRows, create: createRows, million: millionRows, start: startRows } as const;
const RESULTS = fileURLToPath(new URL('../../bench/results/', import.meta.url));

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const wanted = values.only?.split(',') ?? Object.keys(PARTS);

const directory = await mkdtemp(join(tmpdir(), 'kpsim-bench-'));
const rows: Row[] = [];
try {
  const certificates = await makeCertificates(directory);
  for (const [name, measure] of Object.entries(PARTS)) {
    if (!wanted.includes(name)) continue;
    const load = new LoadGenerator();
    const own = join(directory, name);
    await mkdir(own);
    const setting: Setting = {
      directory: own,
      certificates,
      load,
      quick: values.quick,
    };
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
if (values.only === undefined && !values.quick) await writeResults(RESULTS, rows);
if (rows.some(({ holds }) => holds === false)) process.exitCode = 1;
