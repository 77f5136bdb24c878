/**
 * Bundles what the package offers, the `kpsim` command and the two TypeScript exports, into dist/bin, dist/lib and
 * dist/chunks: Node loads a few large files in half the time that the several hundred small ones take that they are
 * made of. The command is one file, which starts faster still with V8's code cache beside it. Nothing is minified, so
 * that stack traces name functions, and the lines that they point at can be read.
 */
import { execFile } from 'node:child_process';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { build } from 'esbuild';

import { codeCachePath } from '../dist/cli/compiled-program.js';

const ROOT = join(import.meta.dirname, '..');
const CHUNKS = 'dist/chunks';
const CODE_CACHE_TIMEOUT_MS = 60_000;
/** What stands for `import.meta.url`, which CommonJS has not. */
const BUNDLE_URL = `const bundleUrl = require('node:url').pathToFileURL(__filename).href;`;

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
const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Of packages that come in both forms the ES modules, of which only what is used is taken.
  mainFields: ['module', 'main'],
  external: Object.keys(dependencies).filter((name) => !BUNDLED.has(name)),
  metafile: true,
  logLevel: 'warning',
};

const library = await build({
  ...COMMON,
  entryPoints: { 'lib/lab': 'lab/index.ts', 'lib/kms-client': 'kms/client.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  format: 'esm',
  // CommonJS packages among the bundled ones require Node's own modules.
  banner: {
    js: `import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);`,
  },
});

const program = await build({
  ...COMMON,
  entryPoints: { program: 'cli/main.ts' },
  outdir: CHUNKS,
  entryNames: '[name]-[hash]',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define: { 'import.meta.url': 'bundleUrl' },
  // What V8 compiled from a text belongs to no module that could import; require loads ES modules too.
  supported: { 'dynamic-import': false },
  // What Node would wrap it in, so that the text need not be copied for it; see cli/compiled-program.ts.
  banner: {
    js: `(function (exports, require, module, __filename, __dirname) {\n${BUNDLE_URL}`,
  },
  footer: { js: '})' },
});
const [programPath] = Object.keys(program.metafile.outputs);

await build({
  ...COMMON,
  entryPoints: { kpsim: 'cli/launch.ts' },
  outdir: 'dist/bin',
  format: 'cjs',
  define: { PROGRAM: JSON.stringify(`../chunks/${basename(programPath)}`), 'import.meta.url': 'bundleUrl' },
  banner: { js: BUNDLE_URL },
});
// The launcher is CommonJS as well, or Node would load and run what it has for ES modules first.
await writeFile(join(ROOT, 'dist/bin/package.json'), '{ "type": "commonjs" }\n');
await makeCodeCache(join(ROOT, programPath));

const inputs = { ...library.metafile.inputs, ...program.metafile.inputs };
await writeFile(join(ROOT, CHUNKS, 'third-party-licenses.txt'), await licensesOf(inputs));
await removeOlder([...Object.keys(library.metafile.outputs), programPath, codeCachePath(programPath)]);

/** Without it a start takes longer, and nothing else is amiss. */
async function makeCodeCache(bundlePath) {
  // KPSIM_… variables are settings; those of the user are not this server's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('KPSIM_')));
  try {
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/code-cache.js'), bundlePath], {
      env,
      timeout: CODE_CACHE_TIMEOUT_MS,
    });
  } catch (error) {
    process.emitWarning(`kpsim will start more slowly, as no code cache was made: ${error.message}`);
  }
}

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
  const found = (await readdir(join(ROOT, CHUNKS))).filter((name) => /\.(?:js|cjs|cache)$/.test(name));
  const older = found.filter((name) => !outputs.includes(`${CHUNKS}/${name}`));
  await Promise.all(older.map((name) => rm(join(ROOT, CHUNKS, name), { force: true })));
}

async function readJson(path) {
  return JSON.parse(await readFile(join(ROOT, path), 'utf8'));
}
