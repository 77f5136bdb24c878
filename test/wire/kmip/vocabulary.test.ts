import { expect, test } from 'vitest';

import { vocabularyOf } from '../../../wire/kmip/encodings/vocabulary.js';
import { ATTRIBUTES, PAYLOADS, enumerationRows, tagValue } from '../../../wire/kmip/index.js';
import type { AttributeName, EnumerationName, TagName } from '../../../wire/kmip/index.js';
import { requestMessage, responseMessage } from '../../../wire/kmip/message.js';
import { enumeration } from '../../../wire/kmip/schema/enumeration.js';
import type { Shape } from '../../../wire/kmip/schema/structure.js';
import type { EnumerationRow } from '../../../wire/kmip/tables/enumerations/index.js';
import { ENUMERATIONS } from '../../../wire/kmip/tables/enumerations/index.js';

const ENUMERATION_OF_CODEC = new Map<unknown, EnumerationName>(
  (Object.keys(ENUMERATIONS) as EnumerationName[]).map((name) => [enumeration(name), name]),
);

/** Tags with the enumerations of their values, in a structure and those inside it. */
function enumerated(codec: unknown, seen: Set<unknown>): [TagName, EnumerationName][] {
  if (typeof codec !== 'object' || codec === null || !('shape' in codec) || seen.has(codec)) return [];
  seen.add(codec);
  return Object.values(codec.shape as Shape).flatMap((field) => {
    const name = ENUMERATION_OF_CODEC.get(field.codec);
    if (name === undefined) return enumerated(field.codec, seen);
    return field.tags.map((tag): [TagName, EnumerationName] => [tag, name]);
  });
}

const seen = new Set<unknown>();
const FIELDS = [
  requestMessage,
  responseMessage,
  ...Object.values(PAYLOADS).flatMap(({ request, response }) => [request, response]),
  ...Object.values(ATTRIBUTES).map(({ codec }): unknown => codec),
].flatMap((codec) => enumerated(codec, seen));
const ATTRIBUTE_VALUES = (Object.keys(ATTRIBUTES) as AttributeName[]).flatMap(
  (tag): [TagName, EnumerationName][] => {
    const name = ENUMERATION_OF_CODEC.get(ATTRIBUTES[tag].codec);
    return name === undefined ? [] : [[tag, name]];
  },
);
const ALL = new Map([...FIELDS, ...ATTRIBUTE_VALUES].map(([tag, name]) => [`${tag} ${name}`, { tag, name }]));

test('many fields are enumerations', () => {
  expect(ALL.size).toBeGreaterThan(40);
});

test.each([...ALL.values()])('text encodings name the values of $tag', ({ tag, name }) => {
  const vocabulary = vocabularyOf(tagValue(tag));
  for (const [key, { value }] of Object.entries<EnumerationRow>(enumerationRows(name))) {
    expect({ [key]: vocabulary?.valueOf(key) }).toEqual({ [key]: value });
  }
});
