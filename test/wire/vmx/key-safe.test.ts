import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  escapeLocatorValue,
  MACS,
  newPhraseLocator,
  openBlob,
  openBundle,
  parseBundle,
  parseKeyDict,
  parseKeyLocator,
  phraseKey,
  sealBlob,
  sealBundle,
  VmFormatError,
  writeKeyDict,
  writeKeyLocator,
} from '../../../wire/vmx/index.js';
import type { FqidLocator, KeyLocator, MacName } from '../../../wire/vmx/index.js';
import { fc } from '../../property.js';

/**
 * `encryption.keySafe` of the sample in the README of axcheron/pyvmx-cracker (MIT), whose phrase is `Password123`: a
 * file that VMware's own product wrote.
 */
const KEY_SAFE =
  'vmware:key/list/(pair/(phrase/MA3fCocdhNc%3d/pass2key%3dPBKDF2%2dHMAC%2dSHA%2d1%3a' +
  'cipher%3dAES%2d256%3arounds%3d1000%3asalt%3d9kxr%2bxeqo4xPz9ttPZUVFA%253d%253d,' +
  'HMAC%2dSHA%2d1,X4sG4nJc0yeWAaSkBllAPI4nCrbO2RUE8dXHa82I4KmfNO7JjruuCrWgRRT6EUQHGQP%2bTDjPFSLHZ' +
  's%2bwRpFZXpjyWvJkzwFhx7UJGQriz3SCXWlwrz1zNPYAmqSXiusyFiY4js0CdabNfdFQKtLy79jDuP0%3d))';

const FQID: FqidLocator = { type: 'fqid', provider: 'KMS', keyId: 'a4e7494f-dda5-5000' };

describe('the key safe of a real VM', () => {
  it('opens with its phrase', () => {
    const { dict } = openBundle(KEY_SAFE, (locator) =>
      locator.type === 'phrase' ? phraseKey(locator, 'Password123') : undefined,
    );
    expect(dict.cipher).toBe('AES-256');
    expect(dict.key.toString('base64')).toBe('0da4GgI4+4A/z4eXWhHO5dI3FnYnIFXQabHKMSQ01vU=');
  });

  it('does not open with another phrase', () => {
    expect(() =>
      openBundle(KEY_SAFE, (locator) =>
        locator.type === 'phrase' ? phraseKey(locator, 'password123') : undefined,
      ),
    ).toThrow(expect.objectContaining({ code: 'key_mismatch' }) as Error);
  });

  it('is written back character for character', () => {
    expect(writeKeyLocator(parseKeyLocator(KEY_SAFE))).toBe(KEY_SAFE);
  });
});

describe('key locators', () => {
  it('have the form that ESXi writes', () => {
    expect(writeKeyLocator(FQID)).toBe('vmware:key/fqid/<VMWARE-NULL>/KMS/a4e7494f%2ddda5%2d5000');
    expect(escapeLocatorValue('a+b/ü')).toBe('a%2bb%2f%c3%bc');
  });

  const simple: fc.Arbitrary<Exclude<KeyLocator, { type: 'list' | 'pair' }>> = fc.oneof(
    fc.constant({ type: 'null' as const }),
    fc.record({ type: fc.constant('rawkey' as const), dict: fc.string({ unit: 'grapheme' }) }),
    fc.record(
      { type: fc.constant('fqid' as const), scope: fc.string(), provider: fc.string(), keyId: fc.string() },
      { requiredKeys: ['type', 'keyId'] },
    ),
    fc.record({
      type: fc.constant('phrase' as const),
      id: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      pass2key: fc.constantFrom('PBKDF2-HMAC-SHA-1' as const, 'PBKDF2-HMAC-SHA-256' as const),
      cipher: fc.constantFrom('AES-128' as const, 'AES-192' as const, 'AES-256' as const),
      rounds: fc.integer({ min: 1, max: 10_000_000 }),
      salt: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    }),
  );
  const pair = fc.record({
    type: fc.constant('pair' as const),
    locator: simple,
    mac: fc.constantFrom(...(Object.keys(MACS) as MacName[])),
    blob: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  });
  const list = fc.record({
    type: fc.constant('list' as const),
    members: fc.array(fc.oneof(simple, pair), { minLength: 1, maxLength: 5 }),
  });

  it('give back what was written, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(simple, pair, list), (locator) => {
        expect(parseKeyLocator(writeKeyLocator(locator))).toEqual(locator);
      }),
    );
  });

  it('answer any text with a locator or a VmFormatError', () => {
    const mangled = fc.tuple(fc.nat(KEY_SAFE.length), fc.nat(9), fc.string()).map(([at, cut, text]) => {
      return KEY_SAFE.slice(0, at) + text + KEY_SAFE.slice(at + cut);
    });
    fc.assert(
      fc.property(mangled, (text) => {
        try {
          parseKeyLocator(text);
        } catch (error) {
          expect(error).toBeInstanceOf(VmFormatError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['nested lists without end', `vmware:key/${'list/('.repeat(5000)}`, /nest/],
    ['a list without end', `vmware:key/list/(${'null,'.repeat(5000)}null)`, /members/],
    ['an endless text', `vmware:key/rawkey/${'a'.repeat(70_000)}`, /characters/],
    ['another prefix', 'vmware:lock/null', /starts with/],
    ['text behind the end', 'vmware:key/null)', /after the end/],
    [
      'rounds that take hours',
      'vmware:key/phrase/YQ%3d%3d/pass2key%3dPBKDF2%2dHMAC%2dSHA%2d1%3acipher%3dAES%2d256%3arounds%3d99999999%3asalt%3dYQ%253d%253d',
      /rounds/,
    ],
    ['a pair in a pair', 'vmware:key/pair/(pair/(null,HMAC%2dSHA%2d1,),HMAC%2dSHA%2d1,)', /names one key/],
    ['a broken escape', 'vmware:key/rawkey/%zz', /escapes/],
    ['a kind that is not known', 'vmware:key/ldap/x', /unknown kind/],
  ])('refuse %s', (_what, text, message) => {
    expect(() => parseKeyLocator(text)).toThrow(message);
  });
});

describe('bundles', () => {
  it('open with any key of their pairs, and say whose it was', () => {
    const [kek, phrase] = [randomBytes(32), newPhraseLocator(10)];
    const dict = { cipher: 'XTS-AES-256' as const, key: randomBytes(64) };
    const text = sealBundle({
      pairs: [
        { locator: FQID, kek },
        { locator: phrase, kek: phraseKey(phrase, 'secret'), mac: 'HMAC-SHA-1' },
      ],
      dict,
    });
    expect(text).toMatch(
      /^vmware:key\/list\/\(pair\/\(fqid\/<VMWARE-NULL>\/KMS\/a4e7494f%2ddda5%2d5000,HMAC%2dSHA%2d256,/,
    );
    expect(openBundle(text, (locator) => (locator.type === 'fqid' ? kek : undefined))).toEqual({
      dict,
      locator: FQID,
    });
    expect(
      openBundle(text, (locator) => (locator.type === 'phrase' ? phraseKey(locator, 'secret') : undefined))
        .dict,
    ).toEqual(dict);
    expect(parseBundle(text)).toHaveLength(2);
    expect(() => openBundle(text, () => randomBytes(32))).toThrow(/no key/);
    expect(() => openBundle(text, () => undefined)).toThrow(/no key/);
    expect(() => openBundle(text, () => Buffer.alloc(5))).toThrow(/no key/);
  });

  it('never show the key that they hold', () => {
    const dict = { cipher: 'AES-256' as const, key: randomBytes(32) };
    const text = sealBundle({ pairs: [{ locator: FQID, kek: randomBytes(32) }], dict });
    expect(decodeURIComponent(text)).not.toContain(dict.key.toString('base64'));
    expect(() => parseKeyDict(writeKeyDict(dict).replace('AES-256', 'AES-128'))).toThrow(/16 bytes/);
  });

  it.each([['vmware:key/null'], ['vmware:key/list/(null)'], ['vmware:key/rawkey/x']])(
    'are lists of pairs: %s is none',
    (text) => {
      expect(() => parseBundle(text)).toThrow(/list of pairs/);
    },
  );
});

describe('sealed blobs', () => {
  it.each(Object.keys(MACS) as MacName[])('with %s open only unchanged and with their key', (mac) => {
    const [key, plain] = [randomBytes(32), randomBytes(100)];
    const sealed = sealBlob(key, mac, plain);
    expect(sealed.length).toBe(16 + 112 + MACS[mac].macBytes);
    expect(openBlob(key, mac, sealed).equals(plain)).toBe(true);
    const mismatch = expect.objectContaining({ code: 'key_mismatch' }) as Error;
    expect(() => openBlob(randomBytes(32), mac, sealed)).toThrow(mismatch);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openBlob(key, mac, changed)).toThrow(mismatch);
      expect(() => openBlob(key, mac, sealed.subarray(0, at))).toThrow(mismatch);
    }
  });
});
