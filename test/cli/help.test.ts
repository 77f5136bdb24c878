import { describe, expect, it } from 'vitest';

import { COMMANDS } from '../../cli/commands/index.js';
import { VERSION } from '../../core/version.js';
import { kpsim } from './harness.js';

describe('kpsim without a command it knows', () => {
  it('lists every command with --help', async () => {
    const { exitCode, stdout } = await kpsim(['--help']).done;
    expect(exitCode).toBe(0);
    for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
  });

  it('prints its version', async () => {
    expect(await kpsim(['--version']).done).toMatchObject({ exitCode: 0, stdout: `${VERSION}\n` });
  });

  it('says what was probably meant', async () => {
    const { exitCode, stderr } = await kpsim(['kmss']).done;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/unknown command 'kmss'\n\(Did you mean kms\?\)/);
  });

  it('tells of an option that is not known', async () => {
    const { exitCode, stderr } = await kpsim(['topology', '--shema']).done;
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/unknown option '--shema'\n\(Did you mean --schema\?\)/);
  });
});

it('names the ports of a service that has several to who asks for one', async () => {
  const { exitCode, stderr } = await kpsim(['trust-authority', '--port', '0']).done;
  expect(exitCode).toBe(2);
  expect(stderr).toContain('This service has --attestation-port, --key-provider-port, --admin-port.');
});

describe('the help of each command', () => {
  it.each(Object.keys(COMMANDS))('of %s explains it with examples', async (name) => {
    const { exitCode, stdout } = await kpsim([name, '--help']).done;
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`Usage: kpsim ${name} `);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain(`kpsim ${name}`);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it.each(['kms', 'trust-authority', 'native-kp', 'host-agent', 'vcenter'])(
    'of %s names config file, data directory, ports, admin listener and log level',
    async (name) => {
      const { stdout } = await kpsim([name, '--help']).done;
      for (const flag of [
        '--config',
        '--data',
        '--host',
        '--admin-port',
        '--log-level',
        '--tls-certificate',
      ]) {
        expect(stdout).toMatch(new RegExp(`^ +(?:-c, )?${flag} `, 'm'));
      }
      expect(stdout).toMatch(/KPSIM_ADMIN_PORT; default 0/);
      expect(stdout).not.toMatch(/admin-token/);
    },
  );
});
