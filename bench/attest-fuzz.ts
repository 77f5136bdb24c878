/**
 * Sends damaged messages to an attestation service and a key provider service over TLS: evidence, identities, tokens,
 * wrapped keys, images, authorities, configurations. Prints what they should not have answered, with the message that
 * led to it. `npm run fuzz:attest -- --messages 2000 --seed 1 [--only evidence,token]`. Ends with 1 if anything was
 * found.
 */
import { setFlagsFromString } from 'node:v8';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';

import { verdictOn } from './attest-fuzz/judge.js';
import type { FuzzAnswer } from './attest-fuzz/judge.js';
import { SUBJECTS } from './attest-fuzz/subjects.js';
import { FuzzTarget } from './attest-fuzz/target.js';
import type { FuzzMessage } from './attest-fuzz/target.js';
import { Dice } from './kmip-fuzz/dice.js';

/** What memory may have grown by, from a fifth of the campaign on to its end. */
const GROWTH_MIB = 64;
/** An answer that takes longer is told of: some work should have been bounded, or is done on the event loop. */
const SLOW_MS = 5000;
const SHOWN_CHARACTERS = 2000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '2000' },
    seed: { type: 'string' },
    only: { type: 'string' },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const messages = Number(values.messages);
const names = values.only?.split(',') ?? Object.keys(SUBJECTS);
const dice = new Dice(seed);
const outcomes = new Map<string, number>();
const defects = new Map<string, number>();
const print = (line: string): void => void process.stdout.write(`${line}\n`);

print(`seed ${seed}, ${messages} messages about ${names.join(', ')}`);
await using target = await FuzzTarget.start();

function found(defect: string, name: string, message?: FuzzMessage, answer?: FuzzAnswer): void {
  const about = `${name}: ${defect}`;
  const times = (defects.get(about) ?? 0) + 1;
  defects.set(about, times);
  if (times > 3) return;
  print(`FOUND ${about}`);
  if (message) {
    const { method, path, headers, body } = message;
    print(
      `  ${method} ${path} ${JSON.stringify(headers ?? {})} ${body.toString('base64').slice(0, SHOWN_CHARACTERS)}`,
    );
  }
  if (answer) print(`  ${answer.status} ${answer.text.slice(0, SHOWN_CHARACTERS)}`);
}

async function sendOne(name: string): Promise<void> {
  const subject = SUBJECTS[name];
  if (!subject) throw new Error(`Nothing is called ${name}; there are ${Object.keys(SUBJECTS).join(', ')}.`);
  const message = await subject.make(target, dice);
  const started = performance.now();
  let answer: FuzzAnswer;
  try {
    answer = await target.send(message);
  } catch (error) {
    found(`no answer: ${String(error)}`, name, message);
    return;
  }
  const took = performance.now() - started;
  if (took > SLOW_MS) print(`SLOW ${Math.round(took)} ms, ${name}`);
  const { defect, outcome } = verdictOn(answer, message.mayPass, target.secrets);
  if (defect !== undefined) found(defect, name, message, answer);
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  if (answer.status < 300 && subject.undo) {
    for (const undoing of subject.undo(target)) {
      const undone = await target.send(undoing);
      if (undone.status >= 300) found('what was accepted cannot be taken back', name, message, undone);
    }
  }
  for (const problem of target.problems.splice(0)) found(`logged: ${problem.slice(0, 300)}`, name, message);
}

function heapMiB(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round((heapUsed + external) / 2 ** 20);
}

const started = performance.now();
let heapBefore = heapMiB();
for (let sent = 0; sent < messages; sent += 1) {
  if (sent === Math.ceil(messages / 5)) heapBefore = heapMiB();
  await sendOne(dice.pick(names) ?? '');
}
const heapAfter = heapMiB();
if (heapAfter - heapBefore > GROWTH_MIB) found(`memory grew by more than ${GROWTH_MIB} MiB`, 'campaign');
try {
  await target.host.attest();
} catch (error) {
  found(`a good host is not attested any more: ${String(error)}`, 'campaign');
}

const seconds = (performance.now() - started) / 1000;
print(
  `${messages} messages in ${seconds.toFixed(1)} s; heap and buffers ${heapBefore} MiB, then ${heapAfter} MiB`,
);
print(
  [...outcomes]
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
);
print(defects.size === 0 ? 'Nothing was found.' : `Found ${defects.size} defects; seed ${seed}.`);
if (defects.size > 0) process.exitCode = 1;
