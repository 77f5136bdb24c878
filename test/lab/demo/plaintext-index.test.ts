import { createCipheriv, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { PlaintextIndex, scanFile } from '../../../lab/demo/plaintext-index.js';
import { writeSampleDisk } from '../../../lab/demo/sample-disk.js';
import { fc } from '../../property.js';

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kpsim-test-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('an index of a plaintext', () => {
  it('leaves out zeros and padding', () => {
    expect(PlaintextIndex.of(Buffer.alloc(4096)).blocks).toBe(0);
    expect(PlaintextIndex.of(Buffer.alloc(4096, 'abc')).blocks).toBe(0);
  });

  it('keeps each telling block once', () => {
    const block = randomBytes(16);
    expect(PlaintextIndex.of(Buffer.concat([block, Buffer.alloc(16), block, randomBytes(16)])).blocks).toBe(
      2,
    );
  });

  it('finds a single block again at any alignment, however the stream is cut', () => {
    const plaintext = randomBytes(64 * 16);
    const index = PlaintextIndex.of(plaintext);
    fc.assert(
      fc.property(
        fc.nat({ max: 63 }),
        fc.nat({ max: 5000 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 }),
        (block, offset, cuts) => {
          const stream = Buffer.alloc(offset + 16 + 100, 0x5a);
          plaintext.copy(stream, offset, block * 16, block * 16 + 16);
          const scan = index.scan();
          let at = 0;
          for (const cut of cuts) {
            scan.update(stream.subarray(at, at + cut));
            at = Math.min(stream.length, at + cut);
          }
          scan.update(stream.subarray(at));
          expect(scan.result).toEqual({ scannedBytes: stream.length, found: 1, firstOffset: offset });
        },
      ),
    );
  });

  it('finds nothing in the ciphertext of the same bytes', () => {
    const plaintext = randomBytes(1024 * 1024);
    const scan = PlaintextIndex.of(plaintext).scan();
    scan.update(createCipheriv('aes-256-ctr', randomBytes(32), Buffer.alloc(16)).update(plaintext));
    expect(scan.result).toEqual({ scannedBytes: plaintext.length, found: 0, firstOffset: undefined });
  });

  it('of a large plaintext keeps evenly spread blocks, and still finds a leaked piece', () => {
    const plaintext = Buffer.concat(Array.from({ length: 40 }, () => randomBytes(1024 * 1024)));
    const index = PlaintextIndex.of(plaintext);
    expect(index.blocks).toBeGreaterThan(800_000);
    expect(index.blocks).toBeLessThanOrEqual(2 ** 20);
    const scan = index.scan();
    scan.update(plaintext.subarray(12_345_678, 12_345_678 + 4096));
    expect(scan.result.found).toBeGreaterThan(50);
  });
});

describe('scanning a file', () => {
  it('finds all of a sample disk in itself, and nothing of it in other bytes', async () => {
    const [disk, other] = [join(directory, 'disk.img'), join(directory, 'other')];
    await writeSampleDisk(disk, 'mine', 4);
    await writeFile(other, randomBytes(1024 * 1024));
    const index = await PlaintextIndex.ofFile(disk);
    expect(index.blocks).toBeGreaterThan(80_000);
    expect((await scanFile(index, disk)).found).toBeGreaterThanOrEqual(index.blocks);
    expect((await scanFile(index, other)).found).toBe(0);
  });

  it('reads files whose size is no multiple of a block', async () => {
    const path = join(directory, 'odd');
    const content = randomBytes(16 * 3 + 5);
    await writeFile(path, content);
    const index = await PlaintextIndex.ofFile(path);
    expect(index.blocks).toBe(3);
    expect((await scanFile(index, path)).found).toBe(3);
  });
});
