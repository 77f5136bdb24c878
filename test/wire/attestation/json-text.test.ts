import { describe, expect, it } from 'vitest';

import { jsonWith, quoted } from '../../../wire/attestation/json-text.js';
import { fc } from '../../property.js';

describe('a text in JSON', () => {
  it('is what it was, be it base64 or not', () => {
    const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.base64String());
    fc.assert(fc.property(texts, (text) => JSON.parse(quoted(text)) === text));
  });

  it.each(['ab"=', 'abc"', '\\abc', 'ab\n=', '"===', 'abcd"===', 'Łbcd'])(
    'is escaped where it has to be: %j',
    (text) => {
      expect(JSON.parse(quoted(text))).toBe(text);
    },
  );

  it('goes into an object as one member more', () => {
    const json = jsonWith({ kind: 'evidence', state: '"' }, 'eventLog', quoted('AAAA'));
    expect(JSON.parse(json)).toEqual({ kind: 'evidence', state: '"', eventLog: 'AAAA' });
  });
});
