import { beforeAll, describe, expect, test } from 'vitest';

import { AdjustableClock } from '../../../core/clock.js';
import { ClientConnection } from '../../../kms/client/connection.js';
import type { Connection } from '../../../kms/client/connection.js';
import { httpsConnector } from '../../../kms/client/https-connection.js';
import { OPERATIONS } from '../../../kms/operations/registry.js';
import type { TagName, TtlvItem } from '../../../wire/kmip/index.js';
import { decodeTree, encodeTree, tagValue } from '../../../wire/kmip/index.js';
import type { TestKms, TestPki } from '../harness.js';
import { makePki, startKms } from '../harness.js';
import type { RecordingRules } from '../recorded-answers.js';
import { RecordedAnswers, nameIn } from '../recorded-answers.js';
import type { CaseFolder, OasisCase } from './cases.js';
import { exchangesOf, oasisCases, operationsIn, placeholderOf } from './cases.js';
import { KNOWN_DIFFERENCES } from './known-differences.js';
import { predecessorsOf, preparationOf } from './preparations.js';

/*
 * The OASIS XML test cases of KMIP 1.4 and 2.1, each against a key server of its own: requests go out as TTLV over
 * mutual TLS, and those of MSGENC cases over HTTPS in the encoding that they are about, one after another. Time stands
 * still, so `$NOW` is exact.
 *
 * Compared are status and reason, operation, and the fields of header and payload with their order (see
 * RecordedAnswers for lists). A placeholder takes the server's value at first sight and must be equal from then on; in
 * requests it is replaced by that value, or, if no answer held it, by the latest value of its field. Not compared is
 * what Permitted Test Case Variations (KMIP Profiles) leaves to the server: RULES.notCompared,
 * RULES.mayBeAdded, which generator made a key, and, in cases in which the server makes keys or random bytes, the values
 * that come of them: these are bound like placeholders.
 *
 * Cases that ask for operations that the server does not perform are skipped.
 */

const RULES: Omit<RecordingRules, 'isChosen'> = {
  notCompared: [
    'TimeStamp',
    'ResultMessage',
    'ClientCorrelationValue',
    'ServerCorrelationValue',
    'ServerInformation',
    'VendorIdentification',
  ],
  mayBeAdded: ['LocatedItems'],
  newUnlessSent: ['CorrelationValue'],
  isLatest: (item) => placeholderOf(item) !== undefined,
  isPassedOver: isRandomNumberGenerator,
};

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** Operations by which the server makes objects or bytes at random. */
const RANDOM = ['Create', 'CreateKeyPair', 'ReKey', 'ReKeyKeyPair', 'CreateSplitKey', 'RNGRetrieve'];
/** What depends on those, if no request held it before. */
const MADE_AT_RANDOM: ReadonlySet<number> = new Set(
  (['KeyMaterial', 'DigestValue', 'Data', 'IVCounterNonce'] as const satisfies TagName[]).map(tagValue),
);

/** Defines one test for each case of a folder. */
export function testCasesOf(folder: CaseFolder): void {
  const cases = oasisCases(folder);
  const performed = cases.filter(isPerformed);
  let pki: TestPki;
  beforeAll(async () => {
    pki = await makePki();
  });
  describe(`the OASIS test cases ${folder}`, () => {
    test.each(performed.map((one) => [one.name, one] as const))('%s', async (name, one) => {
      const differences = await differencesOf(one, cases, pki);
      const known = KNOWN_DIFFERENCES[name];
      if (known) expect(differences.join('\n'), known.why).toMatch(known.seen);
      else expect(differences).toEqual([]);
    });
    test.skip.each(cases.filter((one) => !isPerformed(one)).map(({ name }) => name))('%s', () => undefined);
  });
}

function isPerformed(one: OasisCase): boolean {
  return operationsIn(one).every((operation) => Object.hasOwn(OPERATIONS, operation));
}

/** The attribute Random Number Generator, in either major version. */
function isRandomNumberGenerator(item: TtlvItem): boolean {
  return item.tag === tagValue('RandomNumberGenerator') || nameIn(item) === ' Random Number Generator';
}

/** A connection of the kind that the requests of a case travel over. */
function connect({ name }: OasisCase, kms: TestKms, pki: TestPki): Promise<Connection> {
  const [, over] = /^MSGENC-(HTTPS|JSON|XML)-/.exec(name) ?? [];
  const tls = { ...pki.east, caPem: pki.authority.caPem };
  const host = '127.0.0.1';
  if (over === undefined) return ClientConnection.open({ host, port: kms.port }, tls, TIMEOUT_MS);
  const encoding = over === 'JSON' ? 'json' : over === 'XML' ? 'xml' : 'ttlv';
  return httpsConnector({ encoding })({ host, port: kms.httpsPort }, tls, TIMEOUT_MS);
}

/** Runs a case on a new server, after those that it goes on from. */
async function differencesOf(
  one: OasisCase,
  folder: readonly OasisCase[],
  pki: TestPki,
): Promise<readonly string[]> {
  const preparation = preparationOf(one.name);
  const now = Date.now();
  const clock = new AdjustableClock({ now: () => now });
  await using kms: TestKms = await startKms(pki, preparation.config, { clock });
  await preparation.before?.(kms);
  const connection = await connect(one, kms, pki);
  const earlier = predecessorsOf(one.name).flatMap((name) => folder.filter((found) => found.name === name));
  const random = [...earlier, one].some(
    (it) => it.xml.includes('<RandomIV') || operationsIn(it).some((operation) => RANDOM.includes(operation)),
  );
  const rules: RecordingRules = {
    ...RULES,
    isChosen: (recorded, sent) =>
      placeholderOf(recorded) !== undefined || (random && !sent && MADE_AT_RANDOM.has(recorded.tag)),
  };
  const sent = new Set<string>();
  for (const before of earlier) await play(before, connection, now, new RecordedAnswers(rules, sent));
  const differences = await play(one, connection, now, new RecordedAnswers(rules, sent));
  await connection.close();
  return differences;
}

/** Sends a case's requests one after another; what differs from the recorded answers. */
async function play(
  one: OasisCase,
  connection: Connection,
  now: number,
  answers: RecordedAnswers,
): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const [index, { request, response }] of exchangesOf(one, Math.floor(now / 1000)).entries()) {
    const live = await connection.exchange(encodeTree(answers.translate(request)), TIMEOUT_MS);
    const found = answers.differences(request, response, decodeTree(live));
    differences.push(...found.map((difference) => `#${index} ${difference}`));
  }
  return differences;
}
