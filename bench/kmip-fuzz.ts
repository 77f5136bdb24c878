/**
 * Sends damaged requests to a key server until the time is over: in TTLV over TLS, in TTLV, XML and JSON over HTTPS.
 * Prints what it should not have answered, with the bytes that led to it, and how memory grew. `npm run fuzz:kmip --
 * --seconds 60 --seed 1`. Ends with 1 if anything was found.
 */
import { setFlagsFromString } from 'node:v8';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';

import { Dice } from './kmip-fuzz/dice.js';
import { verdictOn } from './kmip-fuzz/judge.js';
import { damaged } from './kmip-fuzz/mutations.js';
import type { DamagedMessage } from './kmip-fuzz/mutations.js';
import { seedMessages } from './kmip-fuzz/seeds.js';
import { FuzzTarget } from './kmip-fuzz/target.js';
import type { FuzzLane } from './kmip-fuzz/target.js';

const LANES = 4;
/** Identifiers of objects that requests are made with. */
const KNOWN_IDENTIFIERS = 64;
/** An answer that takes longer is told of: some work should have been bounded, or is done on the event loop. */
const SLOW_MS = 3000;
const REPORT_MS = 10_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const endsAt = performance.now() + Number(values.seconds) * 1000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const seeds = seedMessages();
const identifiers: string[] = [];
const outcomes = new Map<string, number>();
const defects = new Map<string, number>();
let sent = 0;
let sinceReport = 0;

print(`seed ${seed}, ${seeds.length} requests to damage`);
await using target = await FuzzTarget.start();

function found(defect: string, message: DamagedMessage): void {
  const times = (defects.get(defect) ?? 0) + 1;
  defects.set(defect, times);
  if (times > 3) return;
  print(`FOUND ${defect}\n  ${message.encoding} ${message.bytes.toString('hex')}`);
}

async function work(lane: FuzzLane, dice: Dice): Promise<void> {
  while (performance.now() < endsAt) {
    const message = damaged(dice, { seeds, identifiers });
    const started = performance.now();
    let answers: readonly Buffer[];
    try {
      answers = await lane.send(message);
    } catch (error) {
      found(`no answer: ${String(error)}`, message);
      continue;
    }
    const verdict = verdictOn(message, answers);
    const took = performance.now() - started;
    if (took > SLOW_MS)
      print(`SLOW ${Math.round(took)} ms\n  ${message.encoding} ${message.bytes.toString('hex')}`);
    if (verdict.defect !== undefined) found(verdict.defect, message);
    sent += 1;
    for (const outcome of verdict.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    for (const identifier of verdict.identifiers) {
      if (identifiers.length < KNOWN_IDENTIFIERS) identifiers.push(identifier);
      else identifiers[dice.below(KNOWN_IDENTIFIERS)] = identifier;
    }
    for (const problem of target.problems.splice(0))
      found(`logged: ${problem.msg}: ${problem.stack ?? ''}`, message);
  }
  lane.close();
}

function heapMiB(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round((heapUsed + external) / 2 ** 20);
}

const heaps: number[] = [];
const report = setInterval(() => {
  heaps.push(heapMiB());
  print(
    `${sent - sinceReport} messages in ${REPORT_MS / 1000} s; ${heaps.at(-1)} MiB of heap and buffers in use`,
  );
  sinceReport = sent;
}, REPORT_MS);
const started = performance.now();
await Promise.all(
  Array.from({ length: LANES }, (_, index) => work(target.lane(), new Dice(seed * LANES + index))),
);
clearInterval(report);

const seconds = (performance.now() - started) / 1000;
print(`${sent} messages in ${seconds.toFixed(1)} s, ${Math.round(sent / seconds)} a second`);
print(`heap and buffers: ${[...heaps, heapMiB()].join(', ')} MiB`);
print(
  [...outcomes]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
);
print(defects.size === 0 ? 'Nothing was found.' : `Found ${defects.size} defects; seed ${seed}.`);
if (defects.size > 0) process.exitCode = 1;
