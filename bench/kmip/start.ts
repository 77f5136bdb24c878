import type { Row } from './report.js';
import { median } from './rounds.js';
import { timeOfNode, timeToReady } from './servers.js';
import type { Setting } from './setting.js';

const CEILING_MS = 400;

/**
 * From starting the process to its Ready line, with an empty store and certificates to be made. Between two starts one of
 * Node with a program of a line, which tells how fast the machine is.
 */
export async function startRows({ quick }: Setting): Promise<readonly Row[]> {
  const times: number[] = [];
  const ofNode: number[] = [];
  // The first start reads the program from disk.
  await timeToReady();
  for (let count = 0; count < (quick ? 3 : 9); count += 1) {
    times.push(await timeToReady());
    ofNode.push(await timeOfNode());
  }
  const middle = median(times);
  const shown = times.map((one) => one.toFixed(0)).join(', ');
  return [
    {
      what: 'start to Ready, empty store, new certificates',
      measured: `${middle.toFixed(0)} ms (${shown}), of which Node alone takes ${median(ofNode).toFixed(0)} ms`,
      floor: `< ${CEILING_MS} ms`,
      holds: middle < CEILING_MS,
      details: { times, ofNode },
    },
  ];
}
