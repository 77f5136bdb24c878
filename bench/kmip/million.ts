import { millionKeys } from '../kmip-million.js';
import type { MillionKeysResult } from '../kmip-million.js';
import type { Row } from './report.js';
import type { Setting } from './setting.js';

const RATIO_CEILING = 1.5;
const START_CEILING_MS = 1000;
const RESIDENT_CEILING_MIB = 400;

/** A store of a million keys against one of a thousand; a hundred thousand in a short run. */
export async function millionRows({ directory, quick }: Setting): Promise<readonly Row[]> {
  const result = await millionKeys({ dataDir: directory, large: quick ? 100_000 : undefined });
  const { large } = result;
  return [
    ratioRow('Get', result, result.ratio.get),
    ratioRow('Locate by name', result, result.ratio.locate),
    {
      what: `start to Ready, ${large.keys} keys`,
      measured: `${large.startMs} ms; keys in memory after ${(large.loadedMs / 1000).toFixed(0)} s`,
      floor: `< ${START_CEILING_MS} ms`,
      holds: large.startMs < START_CEILING_MS,
    },
    {
      what: `resident memory, ${large.keys} keys`,
      measured: `${large.residentMiB} MiB`,
      floor: `< ${RESIDENT_CEILING_MIB} MiB`,
      holds: large.residentMiB < RESIDENT_CEILING_MIB,
    },
  ];
}

/** The worst over the numbers of connections counts. */
function ratioRow(
  operation: string,
  { small, large }: MillionKeysResult,
  ratios: Readonly<Record<number, number>>,
): Row {
  const worst = Math.max(...Object.values(ratios));
  const each = Object.entries(ratios).map(([connections, ratio]) => `${ratio.toFixed(2)} at ${connections}`);
  return {
    what: `${operation}, p99 with ${large.keys} keys against ${small.keys}`,
    measured: `${each.join(', ')} connections`,
    ratio: worst,
    floor: `≤ ${RATIO_CEILING}`,
    holds: worst <= RATIO_CEILING,
    details: { small, large },
  };
}
