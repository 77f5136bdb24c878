import { beforeAll, describe, expect, test } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { OPERATIONS } from '../../../kms/operations/registry.js';
import { decodeTree, encodeTree } from '../../../wire/kmip/index.js';
import type { TestKms, TestPki } from '../harness.js';
import { makePki, startKms } from '../harness.js';
import { RawClient } from '../raw-client.js';
import type { RecordingRules } from '../recorded-answers.js';
import { RecordedAnswers } from '../recorded-answers.js';
import type { OasisCase } from './cases.js';
import { CASE_FOLDERS, exchangesOf, oasisCases, operationsIn, placeholderOf } from './cases.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { predecessorsOf, preparationOf } from './preparations.js';

/*
 * The OASIS XML test cases of KMIP 1.4 and 2.1, each against a key server of its own: requests go out as TTLV over
 * mutual TLS, one after another. Time stands still, so `$NOW` is exact.
 *
 * Compared are status and reason, operation, and the fields of header and payload with their order (see
 * RecordedAnswers for lists). A placeholder takes the server's value at first sight and must be equal from then on; in
 * requests it is replaced by that value. Not compared is what Permitted Test Case Variations (KMIP Profiles 2.1 §5.2)
 * leaves to the server: RULES.notCompared, RULES.mayBeAdded.
 *
 * Cases that ask for operations that the server does not perform are skipped.
 */

const RULES: RecordingRules = {
  notCompared: [
    'TimeStamp',
    'ResultMessage',
    'ClientCorrelationValue',
    'ServerCorrelationValue',
    'ServerInformation',
    'VendorIdentification',
  ],
  mayBeAdded: ['LocatedItems'],
  isChosen: (recorded) => placeholderOf(recorded) !== undefined,
};

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

describe.each(CASE_FOLDERS)('the OASIS test cases %s', (folder) => {
  const cases = oasisCases(folder);
  const performed = cases.filter(isPerformed);
  test.each(performed.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const differences = await differencesOf(one, cases);
    const known = KNOWN_DIFFERENCES[name];
    if (known) expect(differences.join('\n'), known.why).toMatch(known.seen);
    else expect(differences).toEqual([]);
  });
  test.skip.each(cases.filter((one) => !isPerformed(one)).map(({ name }) => name))('%s', () => undefined);
});

test('every known difference is of a case', () => {
  const names = new Set(CASE_FOLDERS.flatMap((folder) => oasisCases(folder).map(({ name }) => name)));
  expect(Object.keys(KNOWN_DIFFERENCES).filter((name) => !names.has(name))).toEqual([]);
});

function isPerformed(one: OasisCase): boolean {
  return operationsIn(one).every((operation) => Object.hasOwn(OPERATIONS, operation));
}

/** Runs a case on a new server, after those that it goes on from. */
async function differencesOf(one: OasisCase, folder: readonly OasisCase[]): Promise<readonly string[]> {
  const preparation = preparationOf(one.name);
  const now = Date.now();
  const clock = new AdjustableClock({ now: () => now });
  await using kms: TestKms = await startKms(pki, preparation.config, { clock });
  await preparation.before?.(kms);
  await using client = await RawClient.open(pki, kms.port);
  for (const earlier of predecessorsOf(one.name)) {
    const found = folder.find(({ name }) => name === earlier);
    if (found) await play(found, client, now);
  }
  return await play(one, client, now);
}

/** Sends a case's requests one after another; what differs from the recorded answers. */
async function play(one: OasisCase, client: RawClient, now: number): Promise<readonly string[]> {
  const answers = new RecordedAnswers(RULES);
  const differences: string[] = [];
  for (const [index, { request, response }] of exchangesOf(one, Math.floor(now / 1000)).entries()) {
    const live = await client.exchange(encodeTree(answers.translate(request)));
    if (!live) throw new Error(`The server closed the connection instead of answering request ${index}.`);
    const found = answers.differences(request, response, decodeTree(live));
    differences.push(...found.map((difference) => `#${index} ${difference}`));
  }
  return differences;
}
