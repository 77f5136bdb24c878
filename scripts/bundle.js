/**
 * Bundles what the package offers, the `kpsim` command and the two TypeScript exports, into dist/bin, dist/lib and
 * dist/chunks: Node loads a few large files in half the time that the several hundred small ones take that they are
 * made of. Commands, and what else is imported dynamically, stay files of their own. Nothing is minified, so that
 * stack traces name functions, and the lines that they point at can be read.
 */
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');
const CHUNKS = 'dist/chunks';

/** What is made, and of what. */
const ENTRIES = {
  'bin/kpsim': 'cli/main.ts',
  'lib/lab': 'lab/index.ts',
  'lib/kms-client': 'kms/client.ts',
};

/** Dependencies that `kpsim kms` loads at its start; Node finds the others, one of them native code, as ever. */
const BUNDLED = new Set([
  '@peculiar/x509',
  'commander',
  'pino',
  'prom-client',
  'reflect-metadata',
  'saxes',
  'zod',
]);

const { dependencies } = await readJson('package.json');
const { metafile } = await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRIES,
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  // Of packages that come in both forms the ES modules, of which only what is used is taken.
  mainFields: ['module', 'main'],
  target: 'node20',
  external: Object.keys(dependencies).filter((name) => !BUNDLED.has(name)),
  // CommonJS packages among the bundled ones require Node's own modules.
  banner: {
    js: `import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);`,
  },
  metafile: true,
  logLevel: 'warning',
});
await writeFile(join(ROOT, CHUNKS, 'third-party-licenses.txt'), await licensesOf(metafile.inputs));
await removeOlder(metafile.outputs);

/** Name, version and licence text of every package that the bundle holds code of. */
async function licensesOf(inputs) {
  const directory = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
  const packages = new Set(Object.keys(inputs).flatMap((path) => directory.exec(path) ?? []));
  const texts = [...packages].sort().map(async (path) => {
    const { name, version, license } = await readJson(join(path, 'package.json'));
    const file = (await readdir(join(ROOT, path))).find((one) => /^licen[cs]e/i.test(one));
    const text = file ? await readFile(join(ROOT, path, file), 'utf8') : '';
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}

/** Removes chunks of builds before; at the end, so that a kpsim that runs meanwhile keeps those that are the same. */
async function removeOlder(outputs) {
  const found = (await readdir(join(ROOT, CHUNKS))).filter((name) => name.endsWith('.js'));
  const older = found.filter((name) => !(`${CHUNKS}/${name}` in outputs));
  await Promise.all(older.map((name) => rm(join(ROOT, CHUNKS, name), { force: true })));
}

async function readJson(path) {
  return JSON.parse(await readFile(join(ROOT, path), 'utf8'));
}
