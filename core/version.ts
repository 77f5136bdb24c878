import { createRequire } from 'node:module';

interface PackageJson {
  readonly version: string;
}

/** kpsim's version, from its package.json, which npm itself keeps importable by the package's own name. */
export const VERSION: string = (createRequire(import.meta.url)('kpsim/package.json') as PackageJson).version;
