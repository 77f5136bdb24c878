import * as fs from 'node:fs/promises';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { VmError } from './errors.js';

/** The calls that reach a datastore. Injected, so that a full or broken datastore can be had on purpose. */
export type FileSystem = Pick<
  typeof fs,
  'lstat' | 'mkdir' | 'open' | 'readdir' | 'rename' | 'rm' | 'rmdir' | 'unlink'
>;

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = fs;

/** Mode of every file of a VM. */
export const PRIVATE_FILE_MODE = 0o600;

/** Mode of every folder of a VM. */
export const PRIVATE_DIRECTORY_MODE = 0o700;

/** Bytes of one read or write of bulk data. */
export const CHUNK_BYTES = 1024 * 1024;

/** Unit of `stat.blocks`, whatever the file system's own. */
const STAT_BLOCK_BYTES = 512;

const ZERO_CHUNK = Buffer.alloc(CHUNK_BYTES);

/** Whether at most {@link CHUNK_BYTES} bytes are all zero. */
export function isZero(bytes: Buffer): boolean {
  return bytes.equals(bytes.length === CHUNK_BYTES ? ZERO_CHUNK : ZERO_CHUNK.subarray(0, bytes.length));
}

/** Makes a new private file; fails if it exists. */
export function createFile(files: FileSystem, path: string): Promise<FileHandle> {
  return files.open(path, 'wx+', PRIVATE_FILE_MODE);
}

/** Reads exactly `into.length` bytes. @throws {VmError} `file_invalid` if the file ends before */
export async function readFully(file: FileHandle, into: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) throw new VmError('file_invalid', 'a file of the VM is shorter than it should be');
    done += bytesRead;
  }
}

/** Writes all of `bytes`. */
export async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Writes a new private file and makes its content durable. */
export async function writeNewFile(files: FileSystem, path: string, bytes: Buffer): Promise<void> {
  const file = await createFile(files, path);
  try {
    await writeFully(file, bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes renames, creations and removals in a folder durable. */
export async function syncFolder(files: FileSystem, path: string): Promise<void> {
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Opens a regular file of a folder for reading; links are not followed, whatever the name is.
 * @throws {VmError} `file_invalid` for anything but a regular file
 */
export async function openRegularFile(files: FileSystem, folder: string, name: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK a named pipe would hold the call until somebody writes to it.
    file = await files.open(
      join(folder, name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (cause) {
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const problem = missing ? 'is not there' : 'cannot be opened as a regular file';
    throw new VmError('file_invalid', `${JSON.stringify(name)} ${problem}`, { cause });
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new VmError('file_invalid', `${JSON.stringify(name)} is not a regular file`);
}

/** Reads a whole small file as {@link openRegularFile} opens it. @throws {VmError} `file_invalid` if it is larger */
export async function readSmallFile(
  files: FileSystem,
  folder: string,
  name: string,
  maxBytes: number,
): Promise<Buffer> {
  const file = await openRegularFile(files, folder, name);
  try {
    const { size } = await file.stat();
    if (size > maxBytes)
      throw new VmError('file_invalid', `${JSON.stringify(name)} has more than ${maxBytes} bytes`);
    const bytes = Buffer.alloc(size);
    await readFully(file, bytes, 0);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Whether a path exists, links not followed. */
export async function exists(files: FileSystem, path: string): Promise<boolean> {
  try {
    await files.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Removes a file after overwriting what it holds with zeros. Holes stay holes. Whether the medium really overwrites
 * is beyond a file's reach; the file itself is gone in any case.
 */
export async function scrubFile(files: FileSystem, path: string): Promise<void> {
  try {
    const file = await files.open(path, 'r+');
    try {
      const { size, blocks } = await file.stat();
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      // What lies behind the last allocated block of a sparse file need not be read.
      let leftBytes = blocks * STAT_BLOCK_BYTES;
      for (let start = 0; start < size && leftBytes > 0; start += CHUNK_BYTES) {
        const part = buffer.subarray(0, Math.min(CHUNK_BYTES, size - start));
        await readFully(file, part, start);
        if (isZero(part)) continue;
        await writeFully(file, ZERO_CHUNK.subarray(0, part.length), start);
        leftBytes -= part.length;
      }
      buffer.fill(0);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await files.rm(path, { force: true });
  }
}
