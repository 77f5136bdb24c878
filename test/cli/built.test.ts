import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

import { describe, expect, it } from 'vitest';

import { COMMANDS } from '../../cli/commands/index.js';
import { codeCachePath, compileProgram } from '../../cli/compiled-program.js';

const DIST = join(import.meta.dirname, '..', '..', 'dist');
const MAIN = join(DIST, 'bin', 'kpsim.js');

function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return startFrom(MAIN, ...args);
}

/** With its temporary files in a directory of their own. */
function startIn(temporary: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
  const env = { PATH: process.env.PATH ?? '', TMPDIR: temporary };
  return spawn(process.execPath, [MAIN, ...args], { env });
}

function startFrom(main: string, ...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [main, ...args], { env: { PATH: process.env.PATH ?? '' } });
}

/** The bundle of the program in a directory of chunks. */
function bundleIn(chunks: string): string {
  const [bundle] = readdirSync(chunks).filter((name) => name.endsWith('.cjs'));
  return join(chunks, bundle!);
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

  it('takes its temporary directory along when its terminal is closed', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'kpsim-test-'));
    try {
      const child = startIn(temporary, 'kms', '--port', '0');
      await lineOf(child, /^Ready\. kmip /);
      expect(readdirSync(temporary)).toHaveLength(1);
      child.kill('SIGHUP');
      expect(await once(child, 'exit')).toEqual([0, null]);
      expect(readdirSync(temporary)).toEqual([]);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    'takes it along when %s ends it at once, asked twice, with exit code %i',
    async (signal, code) => {
      const temporary = mkdtempSync(join(tmpdir(), 'kpsim-test-'));
      try {
        const child = startIn(temporary, 'up');
        const told = createInterface(child.stderr);
        const exit = once(child, 'exit');
        for await (const line of told) {
          if (line.startsWith('starting services') || line.startsWith('Stopping')) child.kill(signal);
        }
        expect(await exit).toEqual([code, null]);
        expect(readdirSync(temporary)).toEqual([]);
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
    },
  );

  it('says which directory for temporary files cannot be used', async () => {
    const child = startIn('/not/there', 'kms', '--port', '0');
    const [line] = (await once(createInterface(child.stderr), 'line')) as [string];
    expect(line).toMatch(/^kpsim: The directory \/not\/there cannot be used: .*name another in TMPDIR\.$/);
  });

  // Each is a bundle of its own, whose modules must be found and evaluated in order.
  it.each(Object.keys(COMMANDS))('explains %s', async (command) => {
    const child = start(command, '--help');
    child.stderr.pipe(process.stderr);
    expect(await lineOf(child, /^Usage: /)).toContain(`kpsim ${command}`);
  });

  it('has a code cache that this Node takes', () => {
    expect(compileProgram(bundleIn(join(DIST, 'chunks'))).cachedDataRejected).toBe(false);
  });

  it.each([
    ['that is cut off', (cache: string) => truncateSync(cache, statSync(cache).size / 2)],
    [
      'with a page of zeros',
      (cache: string) => writeFileSync(cache, readFileSync(cache).fill(0, 8192, 12_288)),
    ],
    ['that is gone', (cache: string) => rmSync(cache)],
  ])('runs with a code cache %s', async (_, spoil) => {
    // Inside of the package, so that its dependencies are found.
    const copy = mkdtempSync(join(DIST, 'copy-'));
    try {
      for (const part of ['bin', 'chunks']) cpSync(join(DIST, part), join(copy, part), { recursive: true });
      spoil(codeCachePath(bundleIn(join(copy, 'chunks'))));
      const child = startFrom(join(copy, 'bin', 'kpsim.js'), '--version');
      expect(await lineOf(child, /./)).toMatch(/^\d+\.\d+\.\d+$/);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
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
