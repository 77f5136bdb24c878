import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

import ts from 'typescript';

/** One import statement: who imports what, as paths below the project's root. */
export interface ImportEdge {
  readonly from: string;
  readonly to: string;
}

/** The folders that hold the product's sources. */
export const ROOMS = [
  'core',
  'wire',
  'kms',
  'trust-authority',
  'native-kp',
  'host-agent',
  'vcenter',
  'lab',
  'cli',
] as const;

const SERVICES = new Set<string>(['kms', 'trust-authority', 'native-kp', 'host-agent', 'vcenter']);

/** All imports between the project's own files; packages and Node's modules are left out. */
export function importEdges(root: string): readonly ImportEdge[] {
  return ROOMS.flatMap((room) => sourceFiles(join(root, room))).flatMap((file) =>
    ts
      .preProcessFile(readFileSync(file, 'utf8'), true, true)
      .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
      .map(({ fileName }) => ({
        from: relative(root, file),
        to: relative(root, normalize(join(dirname(file), fileName))),
      })),
  );
}

/** Which rule of the house an import breaks, in a sentence; undefined if none. */
export function brokenRule({ from, to }: ImportEdge): string | undefined {
  const [fromRoom, toRoom] = [roomOf(from), roomOf(to)];
  if (fromRoom === toRoom) return undefined;
  if (toRoom === 'cli') return 'nothing stands on cli';
  if (fromRoom === 'wire') {
    return to === 'core/errors.js' ? undefined : 'wire imports nothing above core/errors';
  }
  if (fromRoom === 'core') {
    return toRoom === 'wire' ? undefined : 'core imports no service and no floor above it';
  }
  if (SERVICES.has(fromRoom)) {
    if (toRoom === 'lab') return 'only cli stands on lab';
    if (!SERVICES.has(toRoom)) return undefined;
    return to === `${toRoom}/client.js` ? undefined : 'a service imports of another only its client.ts';
  }
  if (fromRoom === 'cli') {
    return SERVICES.has(toRoom) ? 'cli stands on lab, which composes the services' : undefined;
  }
  return undefined;
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}
