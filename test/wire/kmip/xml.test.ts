import { describe, expect, test } from 'vitest';

import { decodeXml, encodeXml } from '../../../wire/kmip/encodings/xml.js';
import { KmipError, decodeTree, encodeTree } from '../../../wire/kmip/index.js';
import { CASE_FOLDERS, exchangesOf, oasisCases } from '../../kms/oasis/cases.js';
import { testCaseMessages } from './vectors.js';

describe('the XML encoding', () => {
  test('carries every message of the OASIS KMIP 1.1 test cases to and fro', () => {
    for (const { hex } of testCaseMessages()) {
      const xml = encodeXml(decodeTree(Buffer.from(hex, 'hex')));
      expect(encodeTree(decodeXml(xml)).toString('hex')).toBe(hex);
    }
  });

  test.each(CASE_FOLDERS)('carries every message of %s to and fro', (folder) => {
    for (const one of oasisCases(folder).filter(({ name }) => !name.startsWith('PKCS11'))) {
      for (const message of exchangesOf(one, 1_700_000_000).flatMap(({ request, response }) => [
        request,
        response,
      ])) {
        expect(decodeXml(encodeXml(message))).toEqual(message);
        expect(encodeTree(decodeTree(encodeTree(message)))).toEqual(encodeTree(message));
      }
    }
  });
});

describe('XML that is refused with Invalid Message', () => {
  const nested = `${'<Attribute>'.repeat(40)}${'</Attribute>'.repeat(40)}`;
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
    ['structures nested too deep', nested],
    ['a document type', '<!DOCTYPE KMIP [<!ENTITY a "b">]><Attribute/>'],
    ['an entity of its own', '<Name type="TextString" value="&a;"/>'],
    ['an element that is not closed', '<Attribute><Attribute>'],
    ['no XML', '{"tag":"Attribute"}'],
  ])('%s', (_what, xml) => {
    expect(() => decodeXml(xml)).toThrow(KmipError);
    expect(() => decodeXml(xml)).toThrow(expect.objectContaining({ reason: 'InvalidMessage' }));
  });
});
