import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CONFIG_FILE_LIMIT_BYTES, ConfigError, parseYaml, readYaml } from '../../../core/config/index.js';
import { KpsimError } from '../../../core/errors.js';
import { fc } from '../../property.js';

const TEXT = `name: lab
hosts:
  - name: one
  - { name: two, port: 3 }
again: &shared
  deep: [1, 2]
other: *shared
empty:
`;

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('a YAML source', () => {
  const source = parseYaml(TEXT, 'lab.yaml');

  it('gives plain values', () => {
    expect(source.value).toEqual({
      name: 'lab',
      hosts: [{ name: 'one' }, { name: 'two', port: 3 }],
      again: { deep: [1, 2] },
      other: { deep: [1, 2] },
      empty: null,
    });
  });

  it.each([
    [['name'], 'lab.yaml:1:7'],
    [['hosts', 1, 'port'], 'lab.yaml:4:24'],
    [['hosts', 1, 'absent'], 'lab.yaml:4:5'],
    [['other', 'deep', 1], 'lab.yaml:6:13'],
    [['empty'], 'lab.yaml:8:7'],
    [[], 'lab.yaml:1:1'],
  ])('knows that the value at %j was written at %s', (path, place) => {
    expect(source.locate(path)).toBe(place);
  });

  it('knows where a key was written', () => {
    expect(source.locateKey(['hosts', 1, 'port'])).toBe('lab.yaml:4:18');
  });

  it('is empty for an empty text', () => {
    expect(parseYaml('', 'empty.yaml').value).toBeNull();
    expect(parseYaml('', 'empty.yaml').locate(['a'])).toBe('empty.yaml:1:1');
  });
});

describe('a YAML text that cannot be used', () => {
  it.each([
    ['a: [1, 2', /^bad\.yaml:1:9: /],
    ['a: 1\na: 2', /^bad\.yaml:2:1: .*unique/],
    ['a: !!js/function "x"', /^bad\.yaml:1:4: .*tag/i],
    ['a: *nobody', /^bad\.yaml:1:4: .*alias/i],
    ['a: 1\n---\nb: 2', /^bad\.yaml:2:1: .*document/i],
    ['\ta: 1', /^bad\.yaml:1:1: /],
  ])('%j is refused with its line', (text, expected) => {
    expect(() => parseYaml(text, 'bad.yaml')).toThrow(expected);
  });

  it('is refused when its aliases multiply', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 9; level += 1) {
      lines.push(
        `a${level}: &a${level} [${Array<string>(10)
          .fill(`*a${level - 1}`)
          .join(', ')}]`,
      );
    }
    expect(() => parseYaml(lines.join('\n'), 'laughs.yaml')).toThrow(/aliases.*allowed: aliases for at most/);
  });

  it('is refused when an alias stands for what it is in', () => {
    expect(() => parseYaml('a: &a [*a]', 'loop.yaml')).toThrow(
      /^loop\.yaml:1:8: the alias "\*a" stands for what it is in/,
    );
  });

  it('is refused when it is nested too deeply', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(parseYaml(nested(30), 'deep.yaml').value).toBeInstanceOf(Array);
    expect(() => parseYaml(nested(70), 'deep.yaml')).toThrow(/^deep\.yaml:1:1: nested too deeply/);
    expect(() => parseYaml(nested(200_000), 'deep.yaml')).toThrow(/nested too deeply/);
  });

  it('is refused when it is too large or has too many values', () => {
    const large = 'a'.repeat(CONFIG_FILE_LIMIT_BYTES + 1);
    expect(() => parseYaml(large, 'large.yaml')).toThrow(/too large; allowed: at most 1 MiB/);
    expect(() => parseYaml('- 1\n'.repeat(80_000), 'many.yaml')).toThrow(
      /^many\.yaml:\d+:\d+: too many values/,
    );
  });

  it('never ends in anything but a value or a ConfigError', () => {
    const pieces = fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&x',
      '*x',
      '!!',
      '"',
      "'",
      '|',
      '>',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        try {
          parseYaml(parts.join(''), 'f.yaml').locate(['a', 0]);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
    );
  });
});

describe('reading a configuration file', () => {
  it('reads it', async () => {
    const path = join(directory, 'good.yaml');
    await writeFile(path, TEXT);
    expect((await readYaml(path)).locate(['name'])).toBe(`${path}:1:7`);
  });

  it.each([
    ['a file that is not there', 'absent.yaml', /absent\.yaml \(ENOENT.*Give the path/],
    ['a directory', '.', /it is not a file/],
  ])('refuses %s', async (_what, name, expected) => {
    const failed = readYaml(join(directory, name));
    await expect(failed).rejects.toThrow(expected);
    await expect(failed).rejects.toBeInstanceOf(KpsimError);
  });

  it('refuses a file larger than the limit without reading it', async () => {
    const path = join(directory, 'large.yaml');
    await writeFile(path, Buffer.alloc(CONFIG_FILE_LIMIT_BYTES + 1, 0x20));
    await expect(readYaml(path)).rejects.toThrow(/too large/);
  });
});
