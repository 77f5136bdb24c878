import * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { FileSystem } from '../../../host-agent/vm/index.js';

/** A file system that can be made to fail. */
export interface FailingFiles {
  fileSystem: FileSystem;
  /** Changes to the disk so far: opens for writing, writes, renames, removals, syncs. */
  count: () => number;
}

const CHANGING = new Set(['mkdir', 'rename', 'rm', 'rmdir', 'unlink', 'open']);
const CHANGING_FILE = new Set(['write', 'truncate', 'sync']);

/**
 * A file system whose every change from number `from` on fails: with `ENOSPC` only what takes space, as on a full
 * disk; with `EIO` everything, as on a machine that has crashed.
 */
export function failingFiles(from: number, code: 'ENOSPC' | 'EIO'): FailingFiles {
  let count = 0;
  const change = (name: string): void => {
    count += 1;
    const takesSpace = name === 'write' || name === 'mkdir' || name === 'truncate';
    if (count < from || (code === 'ENOSPC' && !takesSpace)) return;
    throw Object.assign(new Error(`${code}: ${name}`), { code, syscall: name });
  };
  const guard = <T extends object>(target: T, names: ReadonlySet<string>): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name);
        if (typeof value !== 'function' || typeof name !== 'string') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          const readsOnly = name === 'open' && (typeof args[1] !== 'string' || args[1] === 'r');
          if (names.has(name) && !readsOnly) change(name);
          const result: unknown = await Reflect.apply(
            value as (...values: unknown[]) => unknown,
            object,
            args,
          );
          return name === 'open' && names === CHANGING ? guard(result as FileHandle, CHANGING_FILE) : result;
        };
      },
    });
  return { fileSystem: guard(fs, CHANGING), count: () => count };
}
