import { describe, expect, it } from 'vitest';
import * as z from 'zod';

import type { ConfigSources } from '../../../core/config/index.js';
import {
  ConfigError,
  checkYaml,
  loadConfig,
  nearestWord,
  parseYaml,
  settingsOf,
} from '../../../core/config/index.js';

const schema = z.strictObject({
  host: z.string().max(255).default('127.0.0.1').describe('Address to listen on.'),
  adminPort: z.number().int().min(0).max(65_535).default(9464).describe('Port of the admin listener.'),
  logLevel: z.enum(['debug', 'info', 'warn']).default('warn'),
  verbose: z.boolean().optional(),
  tls: z.strictObject({ certificate: z.string().optional() }).optional(),
  users: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[a-z]+$/, 'lower-case letters'),
        password: z.string().min(8),
      }),
    )
    .default([]),
  providers: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('standard'), servers: z.array(z.string()) }),
        z.strictObject({ kind: z.literal('native'), tpmRequired: z.boolean() }),
      ]),
    )
    .optional(),
});

const fileOf = (text: string): ConfigSources => ({ file: parseYaml(text, 'k.yaml') });

function problemsOf(sources: ConfigSources): readonly string[] {
  try {
    loadConfig(schema, sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('the order of sources', () => {
  const file = parseYaml('host: file\nadminPort: 1\ntls:\n  certificate: file.pem\n', 'k.yaml');

  it('is defaults, when nothing else says anything', () => {
    expect(loadConfig(schema, {})).toEqual({
      host: '127.0.0.1',
      adminPort: 9464,
      logLevel: 'warn',
      users: [],
    });
  });

  it('is the file over defaults, the environment over the file, flags over the environment', () => {
    const environment = { KPSIM_ADMIN_PORT: '2', KPSIM_LOG_LEVEL: 'info', HOME: '/' };
    const loaded = loadConfig(schema, { file, environment, flags: { '--log-level': 'debug' } });
    expect(loaded).toMatchObject({ host: 'file', adminPort: 2, logLevel: 'debug' });
  });

  it('reaches into nested mappings', () => {
    const loaded = loadConfig(schema, { file, environment: { KPSIM_TLS_CERTIFICATE: 'env.pem' } });
    expect(loaded.tls).toEqual({ certificate: 'env.pem' });
  });

  it('does not change the file it was given', () => {
    loadConfig(schema, { file, flags: { '--host': 'flag' } });
    expect(file.value).toMatchObject({ host: 'file' });
  });
});

describe('a wrong value', () => {
  it.each([
    [
      'adminPort: high',
      'k.yaml:1:12: adminPort: is text, which it may not be; allowed: a whole number from 0 to 65535',
    ],
    ['adminPort: 70000', 'k.yaml:1:12: adminPort: is too large; allowed: a whole number from 0 to 65535'],
    ['\nlogLevel: loud', 'k.yaml:2:11: logLevel: may not be "loud"; allowed: debug, info, warn'],
    ['verbose: yes', 'k.yaml:1:10: verbose: is text, which it may not be; allowed: true, false'],
    [
      'users:\n  - name: UPPER\n    password: long enough',
      'k.yaml:2:11: users[0].name: is not of the form it must have; allowed: lower-case letters',
    ],
    ['users:\n  - name: a\n', 'k.yaml:2:5: users[0].password: is missing; allowed: text'],
    [
      'users: 3',
      'k.yaml:1:8: users: is a whole number, which it may not be; allowed: a list, each item a mapping with the keys name, password',
    ],
    [
      'providers:\n  - kind: nativ\n    tpmRequired: true',
      'k.yaml:2:11: providers[0].kind: may not be "nativ"; allowed: standard, native',
    ],
    [
      'providers:\n  - { kind: native, tpmRequired: 1 }',
      'k.yaml:2:34: providers[0].tpmRequired: is a whole number, which it may not be; allowed: true, false',
    ],
  ])('%j is told as %s', (text, expected) => {
    expect(problemsOf(fileOf(text))).toEqual([expected]);
  });

  it('never shows what was written where a password belongs', () => {
    const [problem] = problemsOf(fileOf('users:\n  - { name: a, password: hunter2 }'));
    expect(problem).toMatch(/^k\.yaml:2:26: users\[0\]\.password: is too short; allowed: text/);
    expect(problem).not.toContain('hunter2');
  });

  it('names the flag or the variable it came from', () => {
    expect(problemsOf({ flags: { '--admin-port': 'x' } })).toEqual([
      '--admin-port: adminPort: is text, which it may not be; allowed: a whole number from 0 to 65535',
    ]);
    expect(problemsOf({ environment: { KPSIM_LOG_LEVEL: 'x' } })).toEqual([
      'KPSIM_LOG_LEVEL: logLevel: may not be "x"; allowed: debug, info, warn',
    ]);
  });
});

describe('an unknown key', () => {
  it.each([
    [
      'adminprot: 1',
      /^k\.yaml:1:1: unknown key "adminprot", did you mean "adminPort"\?; allowed: host, adminPort, /,
    ],
    ['host: a\nzzzzzzzz: 1', /^k\.yaml:2:1: unknown key "zzzzzzzz"; allowed: /],
    [
      'users:\n  - { name: a, pasword: long enough, password: long enough }',
      /^k\.yaml:2:16: users\[0\]: unknown key "pasword", did you mean "password"\?; allowed: name, password$/,
    ],
    [
      'providers:\n  - { kind: native, tpmRequired: true, servers: [] }',
      /^k\.yaml:2:40: providers\[0\]: unknown key "servers"; allowed: kind, tpmRequired$/,
    ],
    ['__proto__: 1', /^k\.yaml:1:1: unknown key "__proto__"/],
  ])('%j is told with its line and the nearest known one', (text, expected) => {
    expect(problemsOf(fileOf(text))).toEqual([expect.stringMatching(expected)]);
  });

  it('in the environment is told unless it belongs to something else', () => {
    expect(problemsOf({ environment: { KPSIM_ADMIN_PROT: '1' } })).toEqual([
      expect.stringMatching(
        /^KPSIM_ADMIN_PROT: unknown environment variable, did you mean KPSIM_ADMIN_PORT\?/,
      ),
    ]);
    expect(problemsOf({ environment: { KPSIM_DEBUG: '1' }, otherVariables: ['KPSIM_DEBUG'] })).toEqual([]);
  });
});

describe('many problems', () => {
  it('are all told at once, each on its line', () => {
    expect(
      problemsOf(fileOf('host: 1\nadminPort: -1\nlogLevel: 2')).map((line) => line.split(': ')[0]),
    ).toEqual(['k.yaml:1:7', 'k.yaml:2:12', 'k.yaml:3:11']);
  });

  it('are cut off with their number', () => {
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}: 1`).join('\n');
    const lines = problemsOf(fileOf(keys));
    expect(lines).toHaveLength(21);
    expect(lines[20]).toBe('… and 10 more problems');
  });
});

describe('a check across fields', () => {
  it('tells its own place and what is allowed', () => {
    const listed = z.strictObject({ names: z.array(z.string()) }).superRefine(({ names }, context) => {
      names.forEach((name, index) => {
        if (names.indexOf(name) !== index) {
          context.addIssue({
            code: 'custom',
            path: ['names', index],
            message: 'is there already',
            params: { allowed: 'a new name' },
          });
        }
      });
    });
    expect(() => checkYaml(listed, parseYaml('names:\n  - a\n  - a\n', 'n.yaml'))).toThrow(
      'n.yaml:3:5: names[1]: is there already; allowed: a new name',
    );
  });
});

describe('settings of a schema', () => {
  it('are its single values, with flag, variable, description and default', () => {
    expect(settingsOf(schema).map(({ flag, variable }) => [flag, variable])).toEqual([
      ['--host', 'KPSIM_HOST'],
      ['--admin-port', 'KPSIM_ADMIN_PORT'],
      ['--log-level', 'KPSIM_LOG_LEVEL'],
      ['--verbose', 'KPSIM_VERBOSE'],
      ['--tls-certificate', 'KPSIM_TLS_CERTIFICATE'],
    ]);
    expect(settingsOf(schema)[1]).toMatchObject({
      type: 'number',
      description: 'Port of the admin listener.',
      defaultValue: 9464,
    });
  });
});

describe('the nearest word', () => {
  it.each([
    ['adminPrt', 'adminPort'],
    ['admniPort', 'adminPort'],
    ['ADMINPORT', 'adminPort'],
    ['hots', 'host'],
    ['completelyOther', undefined],
    ['x'.repeat(1000), undefined],
  ])('to %s is %s', (word, expected) => {
    expect(nearestWord(word, ['adminPort', 'host', 'logLevel'])).toBe(expected);
  });
});
