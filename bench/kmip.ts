/**
 * The key server against its limits and its peer: a bare mutual-TLS server in Node, and the PyKMIP server of Debian.
 * All are processes of their own, loaded by one further process; only ratios of one run can be compared.
 *
 * `npm run bench:kmip -- [--quick] [--only get,create,million,start]`; exit code 1 if a floor is not met.
 */
import { createRows } from './kmip/create.js';
import { getRows } from './kmip/get.js';
import { millionRows } from './kmip/million.js';
import { runParts } from './kmip/parts.js';
import { startRows } from './kmip/start.js';

await runParts('kmip', { get: getRows, create: createRows, million: millionRows, start: startRows });
