import { createDecipheriv, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  decodeManifest,
  decodeStreamHeader,
  encodeManifest,
  encodeStreamHeader,
  FrameOpener,
  FrameSealer,
  SECTION_TYPES,
  VmotionError,
} from '../../../wire/vmotion/index.js';
import type { Direction, OneTimeKey, SealedFrame, StreamHeader } from '../../../wire/vmotion/index.js';
import { fc } from '../../property.js';

const header: StreamHeader = { migrationId: randomUUID(), encrypted: true };
const secret: OneTimeKey = { key: randomBytes(32), nonce: randomBytes(8) };
const OUT: Direction = 'toDestination';

function seal(count: number): SealedFrame[] {
  const sealer = new FrameSealer(header, secret, OUT);
  return Array.from({ length: count }, (_, index) => {
    return sealer.seal(
      { type: 'diskData', index: 3, offsetBytes: index * 512 },
      Buffer.from(`frame ${index}`),
    );
  });
}

function open(opener: FrameOpener, frame: SealedFrame): string {
  return opener.open(frame.header, Buffer.concat([frame.payload, frame.tag])).payload.toString();
}

const withCode = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('frames of a migration stream', () => {
  it('are AES-256-GCM with nonce and counter as IV, and both headers as additional data', () => {
    const [, frame] = seal(2);
    const decipher = createDecipheriv(
      'aes-256-gcm',
      secret.key,
      Buffer.concat([secret.nonce, Buffer.of(0, 0, 0, 1)]),
    );
    decipher.setAAD(Buffer.concat([encodeStreamHeader(header), frame!.header])).setAuthTag(frame!.tag);
    expect(Buffer.concat([decipher.update(frame!.payload), decipher.final()]).toString()).toBe('frame 1');
    expect(frame!.header.toString('hex')).toBe('0000000700000001' + '06000003' + '0000000000000200');
  });

  it('open in their order', () => {
    const opener = new FrameOpener(header, secret, OUT);
    expect(seal(3).map((frame) => open(opener, frame))).toEqual(['frame 0', 'frame 1', 'frame 2']);
  });

  it('are refused when repeated, left out or moved', () => {
    const [first, second, third] = seal(3);
    const opener = new FrameOpener(header, secret, OUT);
    expect(() => open(opener, second!)).toThrow(withCode('frame_out_of_order'));
    open(opener, first!);
    expect(() => open(opener, first!)).toThrow(withCode('frame_out_of_order'));
    expect(() => open(opener, third!)).toThrow(withCode('frame_out_of_order'));
    expect(open(opener, second!)).toBe('frame 1');
  });

  it('are refused when any bit of header, payload or tag was changed', () => {
    const [frame] = seal(1);
    const bytes = Buffer.concat([frame!.header, frame!.payload, frame!.tag]);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const opener = new FrameOpener(header, secret, OUT);
      expect(() => opener.open(changed.subarray(0, 20), changed.subarray(20))).toThrow(VmotionError);
    }
  });

  it('are refused from another migration, with another key, and in the other direction', () => {
    const [frame] = seal(1);
    const forged = withCode('frame_forged');
    const other = { ...header, migrationId: randomUUID() };
    expect(() => open(new FrameOpener(other, secret, OUT), frame!)).toThrow(forged);
    expect(() => open(new FrameOpener(header, { ...secret, key: randomBytes(32) }, OUT), frame!)).toThrow(
      forged,
    );
    expect(() => open(new FrameOpener(header, { ...secret, nonce: randomBytes(8) }, OUT), frame!)).toThrow(
      forged,
    );
    expect(() => open(new FrameOpener(header, secret, 'toSource'), frame!)).toThrow(
      withCode('frame_out_of_order'),
    );
  });

  it('never use one IV twice, in whichever direction', () => {
    const sealers = [new FrameSealer(header, secret, OUT), new FrameSealer(header, secret, 'toSource')];
    const counters = sealers.flatMap((sealer) =>
      Array.from({ length: 100 }, () =>
        sealer.seal({ type: 'final' }, Buffer.alloc(0)).header.readUInt32BE(4),
      ),
    );
    expect(new Set(counters).size).toBe(200);
  });

  it('are plain without encryption, and still in order', () => {
    const plain = { ...header, encrypted: false };
    const frame = new FrameSealer(plain, undefined, OUT).seal({ type: 'config' }, Buffer.from('text'));
    expect(frame.tag.length).toBe(0);
    const opener = new FrameOpener(plain, undefined, OUT);
    expect(open(opener, frame)).toBe('text');
    expect(() => open(opener, frame)).toThrow(withCode('frame_out_of_order'));
  });

  it('need a whole key and nonce when encrypted', () => {
    expect(() => new FrameSealer(header, undefined, OUT)).toThrow(withCode('spec_invalid'));
    expect(() => new FrameOpener(header, { ...secret, nonce: Buffer.alloc(12) }, OUT)).toThrow(
      withCode('spec_invalid'),
    );
  });

  it('have at most 1 MiB', () => {
    const sealer = new FrameSealer(header, secret, OUT);
    expect(() => sealer.seal({ type: 'memory' }, Buffer.alloc(1024 * 1024 + 1))).toThrow(
      withCode('stream_invalid'),
    );
  });

  it('answer any header and body with a frame or a VmotionError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), fc.uint8Array(), (start, body) => {
        const opener = new FrameOpener({ ...header, encrypted: false }, undefined, OUT);
        try {
          opener.open(Buffer.from(start), Buffer.from(body));
        } catch (error) {
          expect(error).toBeInstanceOf(VmotionError);
        }
      }),
    );
  });

  it('have a number of their own for every section', () => {
    expect(new Set(Object.values(SECTION_TYPES)).size).toBe(Object.keys(SECTION_TYPES).length);
  });
});

describe('stream headers and manifests', () => {
  it('give back what was written', () => {
    expect(decodeStreamHeader(encodeStreamHeader(header))).toEqual(header);
    const file = { name: 'a.vmx', sizeBytes: 1 };
    const manifest = {
      vmId: 'x',
      config: file,
      nvram: file,
      disks: [{ descriptor: file, data: file }],
      memoryBytes: 4096,
    };
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  });

  it('refuse what is not theirs', () => {
    const refused = withCode('stream_invalid');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => decodeStreamHeader(Buffer.from(bytes))).toThrow(refused);
      }),
    );
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => decodeManifest(Buffer.from(text))).toThrow(refused);
      }),
    );
    const future = encodeStreamHeader(header);
    future.writeUInt16BE(9, 4);
    expect(() => decodeStreamHeader(future)).toThrow(/version 9/);
  });
});
