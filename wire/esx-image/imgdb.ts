import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { KpsimError } from '../../core/errors.js';
import { baseImageSchema } from './base-image.js';
import type { BaseImage } from './base-image.js';

/** The one file in the archive (own choice). */
const MANIFEST_NAME = 'var/db/esximg/kpsim-base-image.json';
/** Longest `boot_imgdb.tgz` that is read, in bytes (own choice). */
export const MAX_IMGDB_BYTES = 4 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 16 * 1024 * 1024;

/**
 * An image as `boot_imgdb.tgz`: a gzipped tar archive with one JSON manifest (own choice). The same image gives the same
 * bytes.
 */
export async function packImgdb(image: BaseImage): Promise<Buffer> {
  const archive = pack();
  archive.entry(
    { name: MANIFEST_NAME, mtime: new Date(0), mode: 0o644 },
    `${JSON.stringify(image, undefined, 1)}\n`,
  );
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return gzipSync(Buffer.concat(chunks));
}

/**
 * Reads a `boot_imgdb.tgz`. The archive may be hostile: its size, its unpacked size and its entries are bounded.
 *
 * @throws KpsimError `imgdb_malformed`
 */
export async function unpackImgdb(bytes: Buffer): Promise<BaseImage> {
  if (bytes.length > MAX_IMGDB_BYTES) throw malformed(`it has more than ${MAX_IMGDB_BYTES} bytes`);
  const manifest = await onlyEntry(await unzipped(bytes));
  let json: unknown;
  try {
    json = JSON.parse(manifest.toString('utf8'));
  } catch (error) {
    throw malformed('its manifest is not JSON', error);
  }
  const parsed = baseImageSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformed(`its manifest is wrong at ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  return parsed.data;
}

/** Unpacks off the main thread, so that a hostile archive holds nobody else up. */
async function unzipped(bytes: Buffer): Promise<Buffer> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    throw malformed('it is not gzip, or unpacks to too much', error);
  }
}

/** The content of the manifest, which must be the archive's only entry. */
async function onlyEntry(tar: Buffer): Promise<Buffer> {
  const archive = extract();
  archive.end(tar);
  let found: Buffer | undefined;
  try {
    for await (const entry of archive) {
      if (found !== undefined || entry.header.name !== MANIFEST_NAME || entry.header.type !== 'file') {
        throw malformed(`it must hold ${MANIFEST_NAME} and nothing else`);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(Buffer.from(chunk as Uint8Array));
      found = Buffer.concat(chunks);
    }
  } catch (error) {
    if (error instanceof KpsimError) throw error;
    throw malformed('it is not a tar archive', error);
  }
  if (found === undefined) throw malformed(`it does not hold ${MANIFEST_NAME}`);
  return found;
}

function malformed(what: string, cause?: unknown): KpsimError {
  return new KpsimError(
    'imgdb_malformed',
    `The boot_imgdb.tgz cannot be read: ${what}. Export it again from a host of that version.`,
    { cause },
  );
}
