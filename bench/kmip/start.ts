import type { Row } from './report.js';
import { median } from './rounds.js';
import { timeToReady } from './servers.js';
import type { Setting } from './setting.js';

const CEILING_MS = 400;

/** From starting the process to its Ready line, with an empty store and certificates to be made. */
export async function startRows({ quick }: Setting): Promise<readonly Row[]> {
  const times: number[] = [];
  // The first start reads the program from disk.
  await timeToReady();
  for (let count = 0; count < (quick ? 3 : 9); count += 1) times.push(await timeToReady());
  const middle = median(times);
  return [
    {
      what: 'start to Ready, empty store, new certificates',
      measured: `${middle.toFixed(0)} ms (${times.map((one) => one.toFixed(0)).join(', ')})`,
      floor: `< ${CEILING_MS} ms`,
      holds: middle < CEILING_MS,
      details: times,
    },
  ];
}
