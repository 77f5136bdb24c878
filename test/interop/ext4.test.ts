import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { runDemo } from '../../lab/index.js';
import type { DemoReport } from '../../lab/index.js';
import { describeWith, runs } from './requires.js';

/* Judges: e2fsck and debugfs of e2fsprogs, which know a file system that came through whole; qemu-img wraps it. */

const PATH = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
process.env.PATH = PATH;

const E2FSPROGS = {
  name: 'e2fsprogs',
  found: runs('mkfs.ext4', '-V') && runs('e2fsck', '-V'),
  install: 'apt-get install e2fsprogs',
};
const QEMU_IMG = {
  name: 'qemu-img',
  found: runs('qemu-img', '--version'),
  install: 'apt-get install qemu-utils',
};

const DISK_BYTES = 24 * 1024 * 1024;

describeWith(
  [E2FSPROGS, QEMU_IMG],
  'a real ext4 disk that is encrypted, migrated and powered on again',
  () => {
    let directory: string;
    let report: DemoReport;
    const files: Record<string, Buffer> = {
      'notes.txt': Buffer.from('what a user would not like to lose\n'.repeat(2000)),
      'random.bin': randomBytes(3_000_001),
      'empty.txt': Buffer.alloc(0),
    };

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'kpsim-ext4-'));
      await mkdir(join(directory, 'root'));
      for (const [name, content] of Object.entries(files)) {
        await writeFile(join(directory, 'root', name), content);
      }
      const run = (command: string, ...args: string[]): unknown =>
        execFileSync(command, args, { cwd: directory });
      await writeFile(join(directory, 'disk.img'), Buffer.alloc(DISK_BYTES));
      run('mkfs.ext4', '-q', '-d', 'root', 'disk.img');
      run('qemu-img', 'convert', '-O', 'vmdk', '-o', 'subformat=monolithicFlat', 'disk.img', 'disk.vmdk');
      report = await runDemo({
        diskImage: join(directory, 'disk-flat.vmdk'),
        saveDisksTo: join(directory, 'after'),
      });
    }, 120_000);
    afterAll(() => rm(directory, { recursive: true, force: true }));

    it('goes the whole way as expected', () => {
      expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
      expect(report.ok).toBe(true);
    });

    it('is clean for e2fsck and holds the same files, with each kind of key provider', async () => {
      const saved = await readdir(join(directory, 'after'));
      expect(saved.length).toBeGreaterThanOrEqual(3);
      for (const image of saved) {
        const path = join(directory, 'after', image);
        execFileSync('e2fsck', ['-f', '-n', path], { stdio: 'ignore' }); // throws unless the file system is clean
        for (const [name, content] of Object.entries(files)) {
          const out = join(directory, `${image}.${name}`);
          execFileSync('debugfs', ['-R', `dump /${name} ${out}`, path], { stdio: 'ignore' });
          expect((await readFile(out)).equals(content), `${name} in ${image}`).toBe(true);
        }
      }
    });
  },
);
