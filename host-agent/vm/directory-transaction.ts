import { join } from 'node:path';
import * as z from 'zod';
import { isPlainFileName } from '../../wire/vmx/index.js';
import { VmError } from './errors.js';
import { exists, readSmallFile, scrubFile, syncFolder, writeNewFile } from './file-system.js';
import type { FileSystem } from './file-system.js';

const STAGED = '.staged';
const SCRUB = '.scrub';
const COMMIT_FILE = 'commit.json';
const COMMIT_MAX_BYTES = 256 * 1024;

const fileName = z.string().refine(isPlainFileName);
const commitSchema = z.strictObject({
  /** Files whose staged version takes their place. */
  replace: z.array(fileName),
  /** Files that go. */
  remove: z.array(fileName),
  /** Of both, those whose old content is overwritten. */
  scrub: z.array(fileName),
});

type Commit = z.infer<typeof commitSchema>;

/**
 * Replaces several files of one folder together. New versions are written beside the old ones; the durable
 * `commit.json` is the point of no return, after which {@link recoverDirectory} can always finish. Before it, every
 * old file stands untouched.
 */
export class DirectoryTransaction {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #commit: Commit = { replace: [], remove: [], scrub: [] };

  constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /**
   * Path at which the caller writes the new version of a file, and makes it durable.
   * @param scrubOld overwrite the old version's content: it holds what the new one protects
   */
  stage(name: string, scrubOld = false): string {
    this.#commit.replace.push(name);
    if (scrubOld) this.#commit.scrub.push(name);
    return join(this.#directory, name + STAGED);
  }

  /** Writes the new version of a small file. */
  async write(name: string, bytes: Buffer, scrubOld = false): Promise<void> {
    await writeNewFile(this.#files, this.stage(name, scrubOld), bytes);
  }

  /** Removes a file at the commit; a file that does not exist is no error. */
  remove(name: string, scrubOld = false): void {
    this.#commit.remove.push(name);
    if (scrubOld) this.#commit.scrub.push(name);
  }

  /** Makes all changes together and durably. */
  async commit(): Promise<void> {
    const { replace, remove } = this.#commit;
    if (replace.length + remove.length > 1 || this.#commit.scrub.length > 0) {
      const staged = join(this.#directory, COMMIT_FILE + STAGED);
      await writeNewFile(this.#files, staged, Buffer.from(JSON.stringify(this.#commit)));
      await syncFolder(this.#files, this.#directory);
      await this.#files.rename(staged, join(this.#directory, COMMIT_FILE));
      await syncFolder(this.#files, this.#directory);
    }
    await apply(this.#files, this.#directory, this.#commit);
  }

  /** Removes what was staged. Call it when a commit did not begin. */
  async rollback(): Promise<void> {
    if (await exists(this.#files, join(this.#directory, COMMIT_FILE))) return;
    await sweep(this.#files, this.#directory);
  }
}

/**
 * Runs `work` in a transaction: commits when it ends well, else leaves everything as it was.
 * @throws what `work` or the commit threw
 */
export async function inTransaction(
  files: FileSystem,
  directory: string,
  work: (transaction: DirectoryTransaction) => Promise<void>,
): Promise<void> {
  const transaction = new DirectoryTransaction(files, directory);
  try {
    await work(transaction);
    await transaction.commit();
  } catch (error) {
    // The first failure is the one to tell; what cannot be swept now is swept when the folder is opened next.
    await transaction.rollback().catch(() => undefined);
    throw error;
  }
}

/** Finishes a commit that a crash interrupted, or removes what never came to one. */
export async function recoverDirectory(files: FileSystem, directory: string): Promise<void> {
  if (await exists(files, join(directory, COMMIT_FILE))) {
    const bytes = await readSmallFile(files, directory, COMMIT_FILE, COMMIT_MAX_BYTES);
    await apply(files, directory, parseCommit(bytes));
  }
  await sweep(files, directory);
}

function parseCommit(bytes: Buffer): Commit {
  try {
    return commitSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new VmError('file_invalid', `${COMMIT_FILE} of the VM is damaged; restore the VM from a backup`, {
      cause,
    });
  }
}

/** Every step can be done again after a crash: a file that has moved already is not there to be moved. */
async function apply(files: FileSystem, directory: string, commit: Commit): Promise<void> {
  const path = (name: string): string => join(directory, name);
  const scrub = new Set(commit.scrub);
  const moveAside = async (name: string): Promise<void> => {
    if (await exists(files, path(name))) await files.rename(path(name), path(name + SCRUB));
  };
  for (const name of commit.replace) {
    if (!(await exists(files, path(name + STAGED)))) continue;
    if (scrub.has(name)) await moveAside(name);
    await files.rename(path(name + STAGED), path(name));
  }
  for (const name of commit.remove) {
    if (scrub.has(name)) await moveAside(name);
    else await files.rm(path(name), { force: true });
  }
  await syncFolder(files, directory);
  await files.rm(path(COMMIT_FILE), { force: true });
  await syncFolder(files, directory);
  for (const name of commit.scrub) {
    if (await exists(files, path(name + SCRUB))) await scrubFile(files, path(name + SCRUB));
  }
  await syncFolder(files, directory);
}

async function sweep(files: FileSystem, directory: string): Promise<void> {
  for (const name of await files.readdir(directory)) {
    // A staged file may hold plaintext of a VM that is encrypted still, when its decryption did not come to an end.
    if (name.endsWith(STAGED) || name.endsWith(SCRUB)) await scrubFile(files, join(directory, name));
  }
}
