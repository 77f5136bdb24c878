import { beforeAll, describe, expect, test } from 'vitest';

import { OPERATIONS } from '../../kms/operations/registry.js';
import type { TagName, TtlvItem } from '../../wire/kmip/index.js';
import { decodeRequest, decodeTree, encodeTree, tagValue } from '../../wire/kmip/index.js';
import type { TestCaseMessage } from '../wire/kmip/vectors.js';
import { testCaseMessages } from '../wire/kmip/vectors.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';
import type { RecordingRules } from './recorded-answers.js';
import { RecordedAnswers, nameIn } from './recorded-answers.js';

/*
 * The OASIS KMIP 1.1 test cases, request by request against a live server. Recorded identifiers and key bytes are
 * bound to the server's own at first sight and must stay the same from then on; times are not compared. The server
 * may tell more attributes than the recorded one did, never fewer.
 */

/** Cases whose answers differ from the recorded ones, and why. */
const KNOWN_DIFFERENCES: Readonly<Record<string, { readonly why: string; readonly seen: RegExp }>> = {
  '12.1': {
    why: 'an answer names the operation that the request named, as KMIP 1.1 §7.2 has it',
    seen: /^#0 Query: \/Operation Query: not recorded$/,
  },
  '13.4': {
    why: 'another authority certifies; a certificate has a Certificate Link to "the parent certificate" (KMIP 1.1 §3.35)',
    seen: /^(#(4 Get: \/ResponsePayload\/Certificate\/CertificateValue|(6|11) GetAttributes: \/ResponsePayload\/Attribute (Certificate Identifier|Certificate Issuer|Digital Signature Algorithm)\/|1[01] GetAttributes: \/ResponsePayload\/Attribute Link(: not recorded|\/AttributeValue\/(LinkType: ReplacementObjectLink recorded, CertificateLink found|LinkedObjectIdentifier: another value than before)))[^\n]*\n?)+$/,
  },
  '17.1': {
    why: 'an attribute asked for twice is Invalid Message, as KMIP 1.1 §11.12 has it',
    seen: /^#1 GetAttributes: .*ResultReason: InvalidField recorded, InvalidMessage found$/,
  },
};

/** Fields that hold what a server chooses. */
const CHOSEN = new Set(
  (
    [
      'UniqueIdentifier',
      'LinkedObjectIdentifier',
      'KeyMaterial',
      'Modulus',
      'PrivateExponent',
      'P',
      'Q',
      'PrimeExponentP',
      'PrimeExponentQ',
      'CRTCoefficient',
      'DigestValue',
      'AsynchronousCorrelationValue',
    ] as const satisfies TagName[]
  ).map(tagValue),
);
/** Attributes whose values are times or choices of the recorded server. */
const ATTRIBUTES_NOT_COMPARED = /^ (?:.* Date|Lease Time)$/;

const RULES: RecordingRules = {
  notCompared: ['TimeStamp', 'ResultMessage', 'ServerInformation', 'LastChangeDate'],
  isChosen: (recorded) => CHOSEN.has(recorded.tag) || isUuid(recorded),
  isPassedOver: (recorded) => ATTRIBUTES_NOT_COMPARED.test(nameIn(recorded)),
};

/** The Unique Identifier as an attribute's value. */
function isUuid(item: TtlvItem): boolean {
  return item.type === 'TextString' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(item.value);
}

const cases = new Map<string, TestCaseMessage[]>();
for (const message of testCaseMessages()) {
  cases.set(message.case, [...(cases.get(message.case) ?? []), message]);
}

function operationsOf(messages: readonly TestCaseMessage[]): string[] {
  return messages
    .filter((message) => message.dir === 'request')
    .flatMap((message) =>
      decodeRequest(Buffer.from(message.hex, 'hex')).batchItems.map((item) => String(item.operation)),
    );
}

const performed = [...cases].filter(([, messages]) =>
  operationsOf(messages).every((operation) => Object.hasOwn(OPERATIONS, operation)),
);

/** Time Stamp of a response, seconds since 1970. */
function timeOf(response: TtlvItem): number {
  const inner = (item: TtlvItem, name: TagName): TtlvItem =>
    (item.value as readonly TtlvItem[]).find(({ tag }) => tag === tagValue(name))!;
  return inner(inner(response, 'ResponseHeader'), 'TimeStamp').value as number;
}

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

describe('the OASIS KMIP 1.1 test cases', () => {
  test.each(performed.map(([name, messages]) => [name, messages[0]!.title, messages] as const))(
    '%s: %s',
    async (name, _title, messages) => {
      await using kms = await startKms(pki, {
        protocolVersions: ['1.0', '1.1'],
        vendorIdentification: 'IBM test server, not-TKLM 2.0.1.1 KMIP 2.0.0.1',
        credentials: [
          { username: 'Fred', password: 'password1' },
          { username: 'Barney', password: 'secret2', owner: 'barney' },
        ],
        devices: [
          { deviceSerialNumber: 'serNum123456', deviceIdentifier: 'devID2233', password: 'secret' },
          { deviceSerialNumber: 'serNum101010', password: 'passwd', owner: 'another device' },
        ],
        foreignObjects: 'denied',
        leaseSeconds: 0,
        // What is polled is over then, and what is canceled has not begun.
        asynchronous: { operations: ['Locate', 'Archive', 'Recover'], delayMs: 600_000, onPoll: 'finish' },
        extensions: [
          { name: 'ACME LOCATION', tag: 0x54aa01, type: 'TextString' },
          { name: 'ACME ZIP CODE', tag: 0x54aa02, type: 'Integer' },
        ],
      });
      await using client = await RawClient.open(pki, kms.port);
      const answers = new RecordedAnswers(RULES);
      const differences: string[] = [];
      for (let index = 0; index + 1 < messages.length; index += 2) {
        const request = answers.translate(decodeTree(Buffer.from(messages[index]!.hex, 'hex')));
        const recorded = decodeTree(Buffer.from(messages[index + 1]!.hex, 'hex'));
        // Dates in requests are those of the day of the recording.
        kms.clock.set(timeOf(recorded) * 1000);
        const response = await client.exchange(encodeTree(request));
        const found = answers.differences(request, recorded, decodeTree(response!));
        differences.push(
          ...found.map((difference) => `#${index / 2} ${messages[index]!.operations.join()}: ${difference}`),
        );
      }
      const known = KNOWN_DIFFERENCES[name];
      if (known) expect(differences.join('\n'), known.why).toMatch(known.seen);
      else expect(differences).toEqual([]);
    },
  );
});
