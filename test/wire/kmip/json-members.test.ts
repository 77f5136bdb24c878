import { describe, expect, test } from 'vitest';

import { decodeJson, encodeJson } from '../../../wire/kmip/encodings/json.js';
import { repeatedMember } from '../../../wire/kmip/encodings/json-members.js';
import { treeArbitrary } from './tree-arbitrary.js';
import { fc } from '../../property.js';

const DEEP = 1000;

test('JSON that was written from values has no member twice', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), (value, indent) => {
      expect(repeatedMember(JSON.stringify(value, null, indent), DEEP)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

/** JSON with the members of objects as a list, so that names may come twice. */
type Json =
  string | number | boolean | null | Json[] | { readonly members: readonly (readonly [string, Json])[] };

/** Few names, some of them equal only once their escapes are resolved. */
const name = fc.constantFrom(
  'tag',
  'value',
  't',
  '',
  '"',
  '\\',
  '\\"',
  '{',
  '}:',
  '__proto__',
  'é',
  '\u0000',
);
const { json } = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(fc.string({ unit: 'binary' }), name, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('json'), { maxLength: 4 }),
    fc.record({ members: fc.array(fc.tuple(name, tie('json')), { maxLength: 4 }) }),
  ),
}));
const space = fc.constantFrom('', ' ', '\n\t', '\r ');

/** A string as JSON, some of its characters escaped although they need not be. */
function quoted(text: string, escape: boolean): string {
  if (!escape) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, at) =>
    text.charCodeAt(at).toString(16).padStart(4, '0'),
  );
  return `"${units.map((digits) => `\\u${digits}`).join('')}"`;
}

function written(
  value: Json,
  next: { readonly space: () => string; readonly escape: () => boolean },
): string {
  const around = (text: string) => next.space() + text + next.space();
  if (typeof value === 'string') return around(quoted(value, next.escape()));
  if (typeof value !== 'object' || value === null) return around(String(value));
  if (Array.isArray(value)) return around(`[${value.map((item) => written(item, next)).join(',')}]`);
  const members = value.members.map(
    ([key, item]) => `${around(quoted(key, next.escape()))}:${written(item, next)}`,
  );
  return around(`{${members.join(',')}${next.space()}}`);
}

/** Members of all objects: as written, or as `JSON.parse` has them, which loses those that are repeated. */
function countWritten(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countWritten(item), 0);
  return value.members.reduce((sum, [, item]) => sum + 1 + countWritten(item), 0);
}
function countParsed(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, item) => sum + countParsed(item), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

test('a member is repeated exactly where JSON.parse loses one', () => {
  fc.assert(
    fc.property(json, fc.gen(), (value, gen) => {
      const text = written(value, { space: () => gen(() => space), escape: () => gen(fc.boolean) });
      const loses = countParsed(JSON.parse(text)) < countWritten(value);
      expect(repeatedMember(text, DEEP)?.kind).toBe(loses ? 'repeated' : undefined);
    }),
    { numRuns: 2000 },
  );
});

test('messages without repeated members are decoded as before', () => {
  fc.assert(
    fc.property(treeArbitrary(fc.string({ unit: 'binary' })), (item) => {
      expect(decodeJson(encodeJson(item))).toEqual(item);
    }),
  );
});

describe('a message is refused with Invalid Message', () => {
  const NESTED = '['.repeat(500_000);
  test.each([
    ['that has its tag twice', '{"tag":"NoSuchTag","tag":"Attribute","value":[]}'],
    ['whose second name is written with escapes', '{"tag":"Attribute","t\\u0061g":"Attribute","value":[]}'],
    [
      'in which an item has two values',
      '{"tag":"Attribute","value":[{"tag":"BatchCount","type":"Integer","value":1,"value":2}]}',
    ],
    [
      'whose first value is nested deeper than any stack',
      `{"tag":"BatchCount","type":"Integer","value":${NESTED}${']'.repeat(500_000)},"value":1}`,
    ],
  ])('%s', (_what, text) => {
    expect(() => decodeJson(text)).toThrow(expect.objectContaining({ reason: 'InvalidMessage' }));
  });
});

test('the same names in different items are no repetition', () => {
  const one = { tag: 'BatchCount', type: 'Integer', value: 1 };
  expect(decodeJson(JSON.stringify({ tag: 'Attribute', value: [one, one] })).value).toHaveLength(2);
});
