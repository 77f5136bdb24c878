import { spawnSync } from 'node:child_process';
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { makeDataDir, makePrivateDir, writeFileDurable } from '../../core/data-dir.js';
import { GroupCommit } from '../../core/store/group-commit.js';
import { Sealer } from '../../core/store/sealer.js';
import { DatabaseFile } from '../../core/store/database-file.js';
import { openSealedDatabase } from '../../core/store/sealed-database.js';
import { openDatabase } from '../../core/store/sqlite.js';
import type { SqliteDatabase } from '../../core/store/sqlite.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const MIGRATIONS = ['CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)'];

function names(database: SqliteDatabase): unknown[] {
  return database
    .prepare('SELECT name FROM item ORDER BY id')
    .all()
    .map((row) => (row as { name: string }).name);
}

describe('openDatabase', () => {
  it('brings a file to the newest schema, each migration once', () => {
    const path = join(directory, 'a.db');
    openDatabase(path, MIGRATIONS).close();
    const database = openDatabase(path, [...MIGRATIONS, 'ALTER TABLE item ADD COLUMN size INTEGER']);
    database.exec("INSERT INTO item (name, size) VALUES ('x', 1)");
    expect(names(database)).toEqual(['x']);
    database.close();
  });

  it('makes files that only their owner can read', async () => {
    const path = join(directory, 'a.db');
    openDatabase(path, MIGRATIONS).close();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('refuses a file of a newer schema, and a file that is no database', async () => {
    const path = join(directory, 'a.db');
    openDatabase(path, [...MIGRATIONS, 'CREATE TABLE other (id INTEGER)']).close();
    expect(() => openDatabase(path, MIGRATIONS)).toThrow(/schema 2, this kpsim knows 1/);
    const text = join(directory, 'text.db');
    await writeFile(text, 'this is not a database, but long enough to look like one '.repeat(40));
    expect(() => openDatabase(text, MIGRATIONS)).toThrow(/cannot be opened/);
  });
});

describe('a full disk', () => {
  it('is told of as one at a start, not as a reason to begin anew elsewhere', () => {
    const full = ['PRAGMA max_page_count = 2', ...MIGRATIONS, 'CREATE TABLE other (id INTEGER)'].join(';');
    const open = () => openDatabase(join(directory, 'a.db'), [full]);
    expect(open).toThrow(/database or disk is full\. Free space on its disk, and start again\.$/);
  });
});

describe('openSealedDatabase', () => {
  it('does not put an empty database in the place of one that is gone', async () => {
    const path = join(directory, 'a.db');
    const { database, sealer } = await openSealedDatabase(directory, 'a.db', MIGRATIONS);
    database.close();
    sealer.close();
    await truncate(path);
    await expect(openSealedDatabase(directory, 'a.db', MIGRATIONS)).rejects.toMatchObject({
      code: 'store_missing',
    });
    await rm(path);
    await expect(openSealedDatabase(directory, 'a.db', MIGRATIONS)).rejects.toMatchObject({
      code: 'store_missing',
    });
  });

  it('does not take a file that has lost its schema for a new one', async () => {
    (await Sealer.load(directory)).close();
    openDatabase(join(directory, 'a.db'), []).close();
    await expect(openSealedDatabase(directory, 'a.db', MIGRATIONS)).rejects.toMatchObject({
      code: 'store_missing',
    });
  });
});

describe('GroupCommit', () => {
  it('writes nothing into a file that was removed or replaced', async () => {
    const path = join(directory, 'a.db');
    const database = openDatabase(path, MIGRATIONS);
    const file = new DatabaseFile(path);
    const commits = new GroupCommit(database, file);
    expect(file.problem()).toBeUndefined();
    await rename(path, join(directory, 'b.db'));
    await expect(commits.run(() => undefined)).rejects.toMatchObject({ code: 'store_removed' });
    await writeFile(path, '');
    await expect(commits.run(() => undefined)).rejects.toMatchObject({ code: 'store_removed' });
    expect(file.problem()).toMatch(/restore the directory/);
    await rename(join(directory, 'b.db'), path);
    await rename(`${path}-wal`, join(directory, 'wal'));
    await expect(commits.run(() => undefined)).rejects.toMatchObject({ code: 'store_removed' });
    await rename(join(directory, 'wal'), `${path}-wal`);
    await expect(commits.run(() => 'written')).resolves.toBe('written');
    database.close();
  });

  it('undoes only the work that fails, and commits the rest of its group', async () => {
    const path = join(directory, 'a.db');
    const database = openDatabase(path, MIGRATIONS);
    const commits = new GroupCommit(database, new DatabaseFile(path));
    const insert = database.prepare('INSERT INTO item (name) VALUES (?)');
    const results = await Promise.allSettled([
      commits.run(() => insert.run('a')),
      commits.run(() => {
        insert.run('half');
        throw new Error('changed my mind');
      }),
      commits.run(() => insert.run('b')),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(names(database)).toEqual(['a', 'b']);
    database.close();
  });

  it('says that the disk is full, and goes on when it is not any more', async () => {
    const path = join(directory, 'a.db');
    const database = openDatabase(path, MIGRATIONS);
    const commits = new GroupCommit(database, new DatabaseFile(path));
    const insert = database.prepare('INSERT INTO item (name) VALUES (?)');
    database.exec('PRAGMA max_page_count = 8');
    const results = await Promise.allSettled([
      commits.run(() => insert.run('a')),
      commits.run(() => insert.run('b'.repeat(100_000))),
    ]);
    for (const result of results)
      expect(result).toMatchObject({ status: 'rejected', reason: { sqliteCodeName: 'SQLITE_FULL' } });
    database.exec('PRAGMA max_page_count = 1000');
    await commits.run(() => insert.run('c'));
    expect(names(database)).toEqual(['c']);
    database.close();
  });

  it('rejects all of a group whose transaction cannot be committed', async () => {
    const path = join(directory, 'a.db');
    const database = openDatabase(path, MIGRATIONS);
    const commits = new GroupCommit(database, new DatabaseFile(path));
    const insert = database.prepare('INSERT INTO item (name) VALUES (?)');
    const results = await Promise.allSettled([
      commits.run(() => insert.run('a')),
      commits.run(() => database.exec('COMMIT')), // ends the group's own transaction behind its back
      commits.run(() => insert.run('b')),
    ]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected', 'rejected']);
    database.close();
  });
});

describe('Sealer', () => {
  it('refuses to go on with a key that is lost or another one, instead of making a new one', async () => {
    const path = join(directory, 'at-rest.key');
    (await Sealer.load(directory)).close();
    const key = await readFile(path);
    await rm(path);
    await expect(Sealer.load(directory)).rejects.toMatchObject({ code: 'store_key_invalid' });
    await writeFile(path, Buffer.alloc(32, 7));
    await expect(Sealer.load(directory)).rejects.toMatchObject({ code: 'store_key_invalid' });
    await writeFile(path, key);
    (await Sealer.load(directory)).close();
  });

  it('opens what it sealed, again after a restart, and only in its place', async () => {
    const sealed = (await Sealer.load(directory)).seal(Buffer.from('key material'), 'row 1');
    const again = await Sealer.load(directory);
    expect(again.open(sealed, 'row 1').toString()).toBe('key material');
    expect(() => again.open(sealed, 'row 2')).toThrow(/cannot be opened/);
    expect(sealed.includes('key material')).toBe(false);
  });

  it.each([0, 11, 27])('refuses %i bytes that it cannot have sealed', async (length) => {
    const sealer = await Sealer.load(directory);
    expect(() => sealer.open(Buffer.alloc(length), 'row 1')).toThrow(/cannot be opened/);
  });

  it('refuses a key file of the wrong size instead of replacing it', async () => {
    await writeFile(join(directory, 'at-rest.key'), 'short');
    await expect(Sealer.load(directory)).rejects.toThrow(/not a key of 32 bytes/);
    expect(await readFile(join(directory, 'at-rest.key'), 'utf8')).toBe('short');
  });
});

describe('writeFileDurable', () => {
  it('replaces a file whole, readable by its owner only', async () => {
    const path = join(directory, 'file');
    await writeFileDurable(path, 'old');
    await writeFileDurable(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('fails without leaving anything behind when the directory is not there', async () => {
    await expect(writeFileDurable(join(directory, 'none', 'file'), 'x')).rejects.toThrow(/ENOENT/);
  });
});

describe('a data directory', () => {
  it('belongs to one process at a time, and to the next when that lets go of it', async () => {
    const path = join(directory, 'data');
    const first = await makeDataDir(path);
    await expect(makeDataDir(path)).rejects.toMatchObject({ code: 'data_dir_in_use' });
    const otherProcess = spawnSync(
      process.execPath,
      [
        '-e',
        "const { DatabaseSync } = require('@photostructure/sqlite'); new DatabaseSync(process.argv[1], { timeout: 0 }).exec('BEGIN EXCLUSIVE')",
        join(path, '.lock'),
      ],
      { encoding: 'utf8' },
    );
    expect(otherProcess.stderr).toContain('database is locked');
    await first.remove();
    const second = await makeDataDir(path);
    expect((await stat(join(path, '.lock'))).mode & 0o777).toBe(0o600);
    expect((await readdir(path)).filter((name) => name.startsWith('.lock'))).toEqual(['.lock']);
    await second.remove();
  });

  it.each([
    [0o777, true],
    [0o1777, false],
    [0o775, false],
  ])('of the mode %o is warned of: %s', async (mode, isWarnedOf) => {
    const path = join(directory, `mode-${mode.toString(8)}`);
    await mkdir(path);
    await chmod(path, mode);
    const warnings: string[] = [];
    const taken = await makeDataDir(path, (what) => warnings.push(what));
    await taken.remove();
    expect(warnings).toEqual(isWarnedOf ? [expect.stringContaining('chmod o-w')] : []);
  });
});

describe('makePrivateDir', () => {
  it('makes a directory with its parents for its owner alone, and leaves the mode of one that is there', async () => {
    const path = join(directory, 'a', 'b');
    expect(await makePrivateDir(path)).toBe(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    await chmod(path, 0o755);
    await makePrivateDir(path);
    expect((await stat(path)).mode & 0o777).toBe(0o755);
  });

  it.each(['/proc/none/such', 'file'])('says that nothing can be made at %s, and ends', async (place) => {
    await writeFile(join(directory, 'file'), '');
    const attempt = makePrivateDir(resolve(directory, place));
    await expect(attempt).rejects.toMatchObject({ code: 'data_dir_unusable' });
  });
});
