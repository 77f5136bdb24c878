import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { KpsimError } from '../../../core/errors.js';
import {
  ESX_RELEASES,
  packImgdb,
  pcrOfModule,
  presetBaseImage,
  unpackImgdb,
} from '../../../wire/esx-image/index.js';
import { fc } from '../../property.js';

const MANIFEST = 'var/db/esximg/kpsim-base-image.json';

async function archiveOf(entries: Record<string, string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(entries)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return gzipSync(Buffer.concat(chunks));
}

describe('boot_imgdb.tgz', () => {
  it.each(ESX_RELEASES)('brings the base image of ESXi %s back', async (release) => {
    const image = presetBaseImage(release);
    expect(await unpackImgdb(await packImgdb(image))).toEqual(image);
  });

  it('has the same bytes each time', async () => {
    expect(await packImgdb(presetBaseImage('8.0.3'))).toEqual(await packImgdb(presetBaseImage('8.0.3')));
  });

  it.each([
    ['is not gzip', () => Promise.resolve(Buffer.from('not gzip'))],
    ['is empty', () => archiveOf({})],
    ['holds another file', () => archiveOf({ [MANIFEST]: '{}', 'etc/passwd': '' })],
    ['holds only another file', () => archiveOf({ '../../etc/passwd': '' })],
    ['holds no JSON', () => archiveOf({ [MANIFEST]: 'not JSON' })],
    ['lacks fields', () => archiveOf({ [MANIFEST]: '{"version":"8.0.3"}' })],
    [
      'has a field too many',
      () => archiveOf({ [MANIFEST]: JSON.stringify({ ...presetBaseImage('8.0.3'), x: 1 }) }),
    ],
    ['is a bomb', () => Promise.resolve(gzipSync(Buffer.alloc(64 * 1024 * 1024)))],
  ])('is refused if it %s', async (_title, make) => {
    await expect(unpackImgdb(await make())).rejects.toMatchObject({ code: 'imgdb_malformed' });
  });

  it('never makes the reader fail in another way', async () => {
    const whole = await packImgdb(presetBaseImage('8.0.3'));
    const hostile = fc
      .tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }))
      .map(([at, value]) => {
        const copy = Buffer.from(whole);
        copy[at] = value;
        return copy;
      });
    await fc.assert(
      fc.asyncProperty(hostile, async (input) => {
        await unpackImgdb(input).catch((error: unknown) => {
          expect(error).toBeInstanceOf(KpsimError);
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe('base images', () => {
  it('differ between releases and patches in every module', () => {
    const digests = [
      presetBaseImage('8.0.2'),
      presetBaseImage('8.0.3'),
      presetBaseImage('8.0.3', '24299506'),
    ].flatMap(({ modules }) => modules.map(({ sha256Hex }) => sha256Hex));
    expect(new Set(digests).size).toBe(digests.length);
    expect(presetBaseImage('8.0.3', '24299506').version).toBe('8.0.3-0.0.24299506');
  });

  it.each([
    ['b.b00', 12],
    ['k.b00', 12],
    ['s.v00', 12],
    ['sb.v00', 12],
    ['esxupdt.v00', 11],
    ['vmx.v00', 13],
    ['imgdb.tgz', 13],
  ])('measure %s into PCR %i', (name, pcr) => {
    expect(pcrOfModule(name)).toBe(pcr);
  });
});
