import { describe, expect, test } from 'vitest';

import { decodeJson, encodeJson } from '../../../wire/kmip/encodings/json.js';
import { decodeXml, encodeXml } from '../../../wire/kmip/encodings/xml.js';
import type { TtlvItem } from '../../../wire/kmip/index.js';
import { KmipError, LARGEST_DATE_TIME, decodeTree, encodeTree, tagValue } from '../../../wire/kmip/index.js';
import { CASE_FOLDERS, exchangesOf, oasisCases } from '../../kms/oasis/cases.js';
import { treeArbitrary } from './tree-arbitrary.js';
import { testCaseMessages } from './vectors.js';
import { fc } from '../../property.js';

const ANY_TEXT = fc.string({ unit: 'binary' });
/** XML 1.0 has no control characters besides tab, line feed and carriage return. */
const XML_TEXT = ANY_TEXT.filter(
  (text) => !/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text),
);

const ENCODINGS = [
  { name: 'XML', encode: encodeXml, decode: decodeXml, text: XML_TEXT },
  { name: 'JSON', encode: encodeJson, decode: decodeJson, text: ANY_TEXT },
] as const;

describe.each(ENCODINGS)('the $name encoding', ({ encode, decode, text }) => {
  test('carries every message of the OASIS KMIP 1.1 test cases to and fro', () => {
    for (const { hex } of testCaseMessages()) {
      const encoded = encode(decodeTree(Buffer.from(hex, 'hex')));
      expect(encodeTree(decode(encoded)).toString('hex')).toBe(hex);
    }
  });

  test.each(CASE_FOLDERS)('carries every message of %s to and fro', (folder) => {
    for (const one of oasisCases(folder)) {
      for (const { request, response } of exchangesOf(one, 1_700_000_000)) {
        for (const message of [request, response]) expect(decode(encode(message))).toEqual(message);
      }
    }
  });

  test('carries every tree to and fro', () => {
    fc.assert(
      fc.property(treeArbitrary(text), (item) => {
        expect(decode(encode(item))).toEqual(item);
        expect(encodeTree(decode(encode(decodeTree(encodeTree(item)))))).toEqual(encodeTree(item));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses what is no message with Invalid Message and nothing else', () => {
    const damaged = fc.tuple(treeArbitrary(text).map(encode), fc.nat(), fc.string({ maxLength: 3 }));
    const broken = damaged.map(([encoded, at, by]) => {
      const position = at % (encoded.length + 1);
      return `${encoded.slice(0, position)}${by}${encoded.slice(position + by.length)}`;
    });
    fc.assert(
      fc.property(fc.oneof(broken, fc.string()), (input) => {
        try {
          encodeTree(decode(input));
        } catch (error) {
          expect(error).toBeInstanceOf(KmipError);
          expect((error as KmipError).reason).toBe('InvalidMessage');
        }
      }),
      { numRuns: 500 },
    );
  });
});

const item = (name: Parameters<typeof tagValue>[0], value: Omit<TtlvItem, 'tag'>): TtlvItem =>
  ({ ...value, tag: tagValue(name) }) as TtlvItem;

test.each([
  ['Get', item('Operation', { type: 'Enumeration', value: 10 })],
  ['Encrypt Decrypt', item('CryptographicUsageMask', { type: 'Integer', value: 12 })],
  ['Encrypt 0x40000000', item('CryptographicUsageMask', { type: 'Integer', value: 0x4000_0004 })],
  [/^Sign Verify .*FPEDecrypt 0xff000000$/, item('CryptographicUsageMask', { type: 'Integer', value: -1 })],
  ['State', item('AttributeReference', { type: 'Enumeration', value: tagValue('State') })],
  ['2023-11-14T22:13:20+00:00', item('InitialDate', { type: 'DateTime', value: 1_700_000_000 })],
  ['0x0000003afff44180', item('InitialDate', { type: 'DateTime', value: 253_402_300_800 })],
  ['0x7fffffffffffffff', item('InitialDate', { type: 'DateTime', value: LARGEST_DATE_TIME })],
  ['ffffffffffffffff', item('P', { type: 'BigInteger', value: -1n })],
  ['00000000000000008000000000000000', item('P', { type: 'BigInteger', value: 2n ** 63n })],
  ['&lt;&amp;&quot;&gt;&#10;', item('NameValue', { type: 'TextString', value: '<&">\n' })],
])('XML writes %s', (value, one) => {
  const written = /value="(.*)"/.exec(encodeXml(one))?.[1];
  if (typeof value === 'string') expect(written).toBe(value);
  else expect(written).toMatch(value);
});

test.each([
  ['Encrypt|Decrypt', item('CryptographicUsageMask', { type: 'Integer', value: 12 })],
  [5, item('UsageLimitsTotal', { type: 'LongInteger', value: 5n })],
  ['0x0020000000000000', item('UsageLimitsTotal', { type: 'LongInteger', value: 2n ** 53n })],
  ['0x8000000000000000', item('UsageLimitsTotal', { type: 'LongInteger', value: -(2n ** 63n) })],
  ['0x0000000000000001', item('P', { type: 'BigInteger', value: 1n })],
  [3600, item('LeaseTime', { type: 'Interval', value: 3600 })],
  [true, item('BatchOrderOption', { type: 'Boolean', value: true })],
])('JSON writes %s', (value, one) => {
  expect(JSON.parse(encodeJson(one))).toMatchObject({ value });
});

test('control characters cannot be written in XML', () => {
  const one = item('NameValue', { type: 'TextString', value: 'a\u0000' });
  expect(() => encodeXml(one)).toThrow(expect.objectContaining({ reason: 'InvalidField' }));
});

const NESTED_XML = `${'<Attribute>'.repeat(40)}${'</Attribute>'.repeat(40)}`;
test.each([
  ['nothing', ''],
  ['two messages', '<KMIP><Attribute/><Attribute/></KMIP>'],
  ['an element that is no tag', '<NoSuchTag/>'],
  ['an element named as a member of every object', '<constructor/>'],
  ['a tag in another notation', '<TTLV tag="540001"/>'],
  ['a type that does not exist', '<BatchCount type="Number" value="1"/>'],
  ['a value without a type', '<BatchCount value="1"/>'],
  ['a type without a value', '<BatchCount type="Integer"/>'],
  ['a number out of range', '<BatchCount type="Integer" value="2147483648"/>'],
  ['half a byte', '<Data type="ByteString" value="0"/>'],
  ['a name of another enumeration', '<Operation type="Enumeration" value="AES"/>'],
  ['a bit of another mask', '<CryptographicUsageMask type="Integer" value="Encrypt Software"/>'],
  ['a day that does not exist', '<InitialDate type="DateTime" value="2026-02-30T00:00:00Z"/>'],
  ['characters between tags', '<Attribute>AES</Attribute>'],
  ['an item in an item that is no structure', '<BatchCount type="Integer" value="1"><D/></BatchCount>'],
  ['an attribute that has no meaning', '<BatchCount type="Integer" value="1" size="4"/>'],
  ['structures nested too deep', NESTED_XML],
  ['a document type', '<!DOCTYPE KMIP [<!ENTITY a "b">]><Attribute/>'],
  ['an entity of its own', '<Name type="TextString" value="&a;"/>'],
  ['an element that is not closed', '<Attribute><Attribute>'],
  ['no XML', '{"tag":"Attribute"}'],
])('XML: %s is refused with Invalid Message', (_what, xml) => {
  expect(() => decodeXml(xml)).toThrow(expect.objectContaining({ reason: 'InvalidMessage' }));
});

const NESTED_JSON = `${'{"tag":"Attribute","value":['.repeat(40)}${']}'.repeat(40)}`;
test.each([
  ['nothing', ''],
  ['an array', '[]'],
  ['null', 'null'],
  ['an item without a tag', '{"type":"Structure","value":[]}'],
  ['a tag that does not exist', '{"tag":"NoSuchTag","value":[]}'],
  ['a structure without items', '{"tag":"Attribute"}'],
  ['a member that has no meaning', '{"tag":"Attribute","value":[],"length":0}'],
  ['a number as text', '{"tag":"NameValue","type":"TextString","value":1}'],
  ['a fraction', '{"tag":"BatchCount","type":"Integer","value":1.5}'],
  [
    'a number that JSON cannot hold',
    '{"tag":"UsageLimitsTotal","type":"LongInteger","value":9007199254740993}',
  ],
  ['a Big Integer without its 0x', '{"tag":"P","type":"BigInteger","value":"0000000000000001"}'],
  ['half a surrogate pair', '{"tag":"NameValue","type":"TextString","value":"\\ud800"}'],
  ['structures nested too deep', NESTED_JSON],
  ['JSON nested deeper than any stack', '['.repeat(500_000)],
])('JSON: %s is refused with Invalid Message', (_what, json) => {
  expect(() => decodeJson(json)).toThrow(expect.objectContaining({ reason: 'InvalidMessage' }));
});
