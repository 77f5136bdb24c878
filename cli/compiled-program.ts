import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { Script } from 'node:vm';

const DIGEST_BYTES = 32;

/** Where the code cache of a bundle is: beside it, one for each V8 and processor. @param bundlePath of a `.cjs` file */
export function codeCachePath(bundlePath: string): string {
  return bundlePath.replace(/\.cjs$/, `.v8-${process.versions.v8}-${process.arch}.cache`);
}

/**
 * Compiles a bundle: one function expression, of what CommonJS gives its modules. With V8's code cache beside it, made
 * when it was built, that takes a fraction of the time; without one that V8 takes, it is compiled as any program is.
 *
 * @param bundlePath absolute; a bundle of other content has another name, for V8 compares only its length
 */
export function compileProgram(bundlePath: string): Script {
  // The bundle is ASCII: as Latin-1 its text takes a byte a character, and no decoding.
  return new Script(readFileSync(bundlePath, 'latin1'), {
    // What stack traces say is in the cache: where it was made is nothing to others.
    filename: `kpsim/dist/chunks/${basename(bundlePath)}`,
    cachedData: readCodeCache(codeCachePath(bundlePath)),
  });
}

/** Runs what {@link compileProgram} compiled, as `require` would. @param bundlePath as it was compiled */
export function runProgram(program: Script, bundlePath: string): void {
  const wrapped = program.runInThisContext() as (...parts: readonly unknown[]) => void;
  const module = { exports: {} };
  wrapped(module.exports, createRequire(bundlePath), module, bundlePath, dirname(bundlePath));
}

/** The content of the file {@link codeCachePath}: V8 does not look whether what it runs is damaged. */
export function sealedCodeCache(cache: Buffer): Buffer {
  return Buffer.concat([hash('sha256', cache, 'buffer'), cache]);
}

/** What {@link sealedCodeCache} sealed; undefined if it is not there, or damaged. */
function readCodeCache(path: string): Buffer | undefined {
  try {
    const sealed = readFileSync(path);
    const cache = sealed.subarray(DIGEST_BYTES);
    return hash('sha256', cache, 'buffer').equals(sealed.subarray(0, DIGEST_BYTES)) ? cache : undefined;
  } catch {
    return undefined;
  }
}
