import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { describe, expect, it } from 'vitest';

import { COMMANDS } from '../../cli/commands/index.js';

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'bin', 'kpsim.js');

function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH ?? '' } });
}

async function lineOf(child: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  for await (const line of createInterface(child.stdout)) if (pattern.test(line)) return line;
  throw new Error(`the process ended without a line like ${String(pattern)}`);
}

describe.skipIf(!existsSync(MAIN))('the built kpsim', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('stops cleanly on %s, with exit code 0', async (signal) => {
    const child = start('kms', '--port', '0');
    await lineOf(child, /^Ready\. kmip /);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  // Each is a bundle of its own, whose modules must be found and evaluated in order.
  it.each(Object.keys(COMMANDS))('explains %s', async (command) => {
    const child = start(command, '--help');
    child.stderr.pipe(process.stderr);
    expect(await lineOf(child, /^Usage: /)).toContain(`kpsim ${command}`);
  });

  it('ends with 2 for a command that it does not know', async () => {
    const child = start('nonsense');
    child.stderr.resume();
    expect(await once(child, 'exit')).toEqual([2, null]);
  });

  it('ends quietly when nobody reads what it prints', async () => {
    const child = start('topology');
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'exit')) as [number];
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
