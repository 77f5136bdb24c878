import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script, constants } from 'node:vm';

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
    filename: bundlePath,
    cachedData: readIfThere(codeCachePath(bundlePath)),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** Runs what {@link compileProgram} compiled, as `require` would. @param bundlePath as it was compiled */
export function runProgram(program: Script, bundlePath: string): void {
  const wrapped = program.runInThisContext() as (...parts: readonly unknown[]) => void;
  const module = { exports: {} };
  wrapped(module.exports, createRequire(bundlePath), module, bundlePath, dirname(bundlePath));
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
