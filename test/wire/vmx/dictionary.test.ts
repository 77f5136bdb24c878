import { describe, expect, it } from 'vitest';
import { VmFormatError, VmxDictionary } from '../../../wire/vmx/index.js';
import { fc } from '../../property.js';

const FILE = Buffer.from(
  [
    '#!/usr/bin/vmware',
    '.encoding = "UTF-8"',
    'displayName = "Büro |22alt|22"',
    '',
    '# a comment',
    'memSize   =   "4096"',
    'unquoted = TRUE',
    'scsi0:0.fileName = "disk.vmdk"',
    '',
  ].join('\n'),
);

describe('VmxDictionary', () => {
  it('reads values whatever the case of their keys, and undoes escapes', () => {
    const config = VmxDictionary.parse(FILE);
    expect(config.get('DISPLAYNAME')).toBe('Büro "alt"');
    expect(config.get('memsize')).toBe('4096');
    expect(config.get('unquoted')).toBe('TRUE');
    expect(config.get('nothing')).toBeUndefined();
  });

  it('gives an untouched file back byte for byte, and changes one line for one value', () => {
    expect(VmxDictionary.parse(FILE).toBytes().equals(FILE)).toBe(true);
    const changed = VmxDictionary.parse(FILE).set('memsize', '8192').toBytes().toString();
    expect(changed).toBe(FILE.toString().replace('memSize   =   "4096"', 'memSize = "8192"'));
  });

  it('keeps DOS line ends', () => {
    const dos = Buffer.from('.encoding = "UTF-8"\r\na = "1"\r\n');
    expect(VmxDictionary.parse(dos).set('b', '2').toBytes().toString()).toBe(
      '.encoding = "UTF-8"\r\na = "1"\r\nb = "2"\r\n',
    );
  });

  it('reads and writes the encoding that the file declares', () => {
    const latin = Buffer.concat([
      Buffer.from('.encoding = "windows-1252"\nn = "'),
      Buffer.of(0xe9, 0x80),
      Buffer.from('"\n'),
    ]);
    const config = VmxDictionary.parse(latin);
    expect(config.get('n')).toBe('é€');
    expect(config.toBytes().equals(latin)).toBe(true);
    expect(() => config.set('n', '語').toBytes()).toThrow(/does not exist in windows-1252/);
  });

  it.each([
    ['no equals sign', 'a = "1"\nbroken\n', /line 2/],
    ['a key defined twice', 'a = "1"\nb = "2"\nA = "3"\n', /line 3: A is defined on line 1/],
    ['an open quote', 'a = "1\n', /line 1.*quote/],
    ['a quote inside', 'a = "1"2"\n', /line 1.*quote/],
    ['a bad escape', 'a = "1|zz"\n', /line 1.*escape/],
    ['a bad key', 'a b = "1"\n', /line 1.*cannot be a .vmx key/],
    ['an unknown encoding', '.encoding = "GB18030"\n', /line 1.*UTF-8/],
  ])('names the line of %s', (_what, text, message) => {
    expect(() => VmxDictionary.parse(Buffer.from(text))).toThrow(message);
  });

  it('refuses bytes that are not in the declared encoding, and files out of bounds', () => {
    expect(() => VmxDictionary.parse(Buffer.of(0x61, 0x3d, 0xff))).toThrow(/not valid utf-8/);
    expect(() => VmxDictionary.parse(Buffer.alloc(1024 * 1024 + 1))).toThrow(/at most/);
    expect(() => VmxDictionary.parse(Buffer.from('\n'.repeat(20_000)))).toThrow(/lines/);
  });

  it('gives back every value that it was given', () => {
    const key = fc.stringMatching(/^[a-z][a-zA-Z0-9.:]{0,20}$/);
    fc.assert(
      fc.property(fc.dictionary(key, fc.string({ unit: 'grapheme' })), (values) => {
        const config = VmxDictionary.of();
        for (const [name, value] of Object.entries(values)) config.set(name, value);
        const again = VmxDictionary.parse(config.toBytes());
        const expected = new Map(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
        for (const [name, value] of expected) expect(again.get(name)).toBe(value);
      }),
    );
  });

  it('answers any bytes with a dictionary or a VmFormatError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            const config = VmxDictionary.parse(Buffer.from(bytes));
            expect(config.toBytes().equals(Buffer.from(bytes))).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(VmFormatError);
          }
        },
      ),
    );
  });
});
