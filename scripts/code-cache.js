/**
 * Writes V8's code cache of the bundled program, `node scripts/code-cache.js BUNDLE`. It holds the functions that ran
 * before it was made, so a key server is started first, with an empty store: what it needs others need too.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { codeCachePath, compileProgram, runProgram, sealedCodeCache } from '../dist/cli/compiled-program.js';

const bundlePath = resolve(process.argv[2]);
const dataDir = mkdtempSync(join(tmpdir(), 'kpsim-build-'));
process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));

rmSync(codeCachePath(bundlePath), { force: true }); // or what an earlier build found out would be written again
const program = compileProgram(bundlePath);
process.argv.splice(1, Infinity, bundlePath, 'kms', '--port', '0', '--data', dataDir);
process.stdout.write = (text) => {
  if (text.startsWith('Ready.')) writeCache();
  return true;
};
runProgram(program, bundlePath);

function writeCache() {
  const path = codeCachePath(bundlePath);
  writeFileSync(`${path}.new`, sealedCodeCache(program.createCachedData()));
  renameSync(`${path}.new`, path);
  process.kill(process.pid, 'SIGTERM'); // has the key server stop, and this process with it
}
