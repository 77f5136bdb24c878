import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  EVENT_TYPES,
  EventLogError,
  HASH_ALGORITHMS,
  MAX_LOG_EVENTS,
  buildEventLog,
  decodeGuid,
  decodeTaggedEvent,
  decodeUefiVariable,
  decodeVersionRecord,
  encodeGuid,
  encodeTaggedEvent,
  encodeUefiVariable,
  encodeVersionRecord,
  measure,
  moduleNameOf,
  parseEventLog,
  replayEventLog,
} from '../../../wire/tpm2/index.js';
import type { HashAlgorithm, TcgEvent } from '../../../wire/tpm2/index.js';
import { fc } from '../../property.js';

const BANKS: readonly HashAlgorithm[] = ['SHA1', 'SHA256', 'SHA384'];

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const event: fc.Arbitrary<TcgEvent> = fc
  .record({
    pcr: fc.integer({ min: 0, max: 23 }),
    eventType: fc.constantFrom(...Object.values(EVENT_TYPES).map(({ value }) => value), 0x12345678),
    data: bytes(64),
    content: bytes(16),
  })
  .map(({ content, ...rest }) => ({ ...rest, digests: measure(BANKS, content) }));

function logOf(events: readonly TcgEvent[]): Buffer {
  return buildEventLog({ banks: BANKS, events });
}

const separator: TcgEvent = {
  pcr: 7,
  eventType: EVENT_TYPES.EV_SEPARATOR.value,
  digests: measure(BANKS, Buffer.alloc(4)),
  data: Buffer.alloc(4),
};

describe('event log', () => {
  it('reads back every log that it builds', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        expect(parseEventLog(logOf(events))).toEqual({ banks: BANKS, events });
      }),
    );
  });

  it('never throws anything but log_malformed, whatever the bytes are', () => {
    const whole = logOf([separator, separator]);
    const hostile = fc.oneof(
      bytes(200),
      fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
        const copy = Buffer.from(whole);
        copy[at] = value;
        return copy;
      }),
      fc.nat(whole.length).map((length) => whole.subarray(0, length)),
    );
    fc.assert(
      fc.property(hostile, (input) => {
        try {
          parseEventLog(input);
        } catch (error) {
          expect(error).toBeInstanceOf(EventLogError);
          expect(error).toMatchObject({ code: 'log_malformed' });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['the end is missing', (log: Buffer) => log.subarray(0, -1)],
    ['bytes follow the last event', (log: Buffer) => Buffer.concat([log, Buffer.alloc(3)])],
    ['an event says that it has four gigabytes', (log: Buffer) => withU32(log, log.length - 8, 0xffffffff)],
    ['the first event says that it has four gigabytes', (log: Buffer) => withU32(log, 28, 0xffffffff)],
    ['the Spec ID event names a million algorithms', (log: Buffer) => withU32(log, 56, 1_000_000)],
    ['the first event is no Spec ID event', (log: Buffer) => withU32(log, 4, EVENT_TYPES.EV_SEPARATOR.value)],
  ])('is malformed if %s', (_title, change) => {
    expect(() => parseEventLog(change(logOf([separator])))).toThrow(EventLogError);
  });

  it('is refused if it has too many events', () => {
    const many = Array.from({ length: MAX_LOG_EVENTS + 1 }, () => separator);
    expect(() => parseEventLog(logOf(many))).toThrow(/more than/);
  });

  it('replays to what a PCR holds after the same digests were extended', () => {
    const zero = Buffer.alloc(32);
    const digest = createHash('sha256').update(Buffer.alloc(4)).digest();
    const once = createHash('sha256').update(zero).update(digest).digest();
    const twice = createHash('sha256').update(once).update(digest).digest();
    const replayed = replayEventLog(parseEventLog(logOf([separator, separator])), 'SHA256');
    expect(replayed.get(7)).toEqual(twice);
    expect(replayed.get(0)).toEqual(zero);
    expect(replayed.get(17)).toEqual(Buffer.alloc(32, 0xff));
  });

  it('gives the well-known value of a PCR that holds one separator', () => {
    const replayed = replayEventLog(parseEventLog(logOf([separator])), 'SHA256');
    // The value of PCRs 2, 3 and 6 on most machines.
    expect(replayed.get(7)!.toString('hex')).toBe(
      '3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969',
    );
  });

  it('does not measure EV_NO_ACTION', () => {
    const information = { ...separator, eventType: EVENT_TYPES.EV_NO_ACTION.value };
    expect(replayEventLog(parseEventLog(logOf([information])), 'SHA256').get(7)).toEqual(Buffer.alloc(32));
  });

  it('cannot be replayed for a bank that it does not have', () => {
    expect(() => replayEventLog(parseEventLog(logOf([])), 'SHA512')).toThrow(EventLogError);
  });

  it('leaves out banks that are not known, and keeps the others', () => {
    const known = buildEventLog({ banks: ['SHA256'], events: [] });
    const withSm3 = Buffer.concat([
      known.subarray(0, 64),
      Buffer.from([0x12, 0x00, 32, 0]),
      known.subarray(64),
    ]);
    withSm3.writeUInt32LE(2, 56);
    withSm3.writeUInt32LE(withSm3.readUInt32LE(28) + 4, 28);
    expect(parseEventLog(withSm3).banks).toEqual(['SHA256']);
    expect(HASH_ALGORITHMS).not.toHaveProperty('SM3_256');
  });
});

function withU32(log: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(log);
  copy.writeUInt32LE(value, at);
  return copy;
}

describe('event data', () => {
  it('reads back UEFI variables', () => {
    const variable = {
      vendorGuid: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
      name: 'SecureBoot',
      data: Buffer.from([1]),
    };
    expect(decodeUefiVariable(encodeUefiVariable(variable))).toEqual(variable);
    expect(decodeGuid(encodeGuid(variable.vendorGuid))).toBe(variable.vendorGuid);
  });

  it('encodes a GUID as UEFI does: first fields little-endian', () => {
    expect(encodeGuid('8be4df61-93ca-11d2-aa0d-00e098032b8c').toString('hex')).toBe(
      '61dfe48bca93d211aa0d00e098032b8c',
    );
  });

  it('refuses a variable whose lengths are hostile', () => {
    const encoded = encodeUefiVariable({
      vendorGuid: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
      name: 'db',
      data: Buffer.alloc(4),
    });
    encoded.writeBigUInt64LE(2n ** 63n, 16);
    expect(() => decodeUefiVariable(encoded)).toThrow(EventLogError);
  });

  it('reads back tagged events and version records', () => {
    const payload = Buffer.from('k.b00\0');
    const { id, payload: read } = decodeTaggedEvent(encodeTaggedEvent('MOD', payload));
    expect([id, moduleNameOf(read)]).toEqual([2, 'k.b00']);
    const record = {
      componentName: 'vmkernel',
      productName: 'VMware ESXi',
      productVersion: '8.0.3 build-1',
      fileName: '/k.b00',
    };
    expect(decodeVersionRecord(encodeVersionRecord(record))).toEqual(record);
  });

  it.each(['', 'k.b00', '\0', 'a\0b\0'])('refuses %j as the name of a module', (text) => {
    expect(() => moduleNameOf(Buffer.from(text))).toThrow(EventLogError);
  });

  it('never throws anything but log_malformed for hostile event data', () => {
    fc.assert(
      fc.property(bytes(80), (input) => {
        for (const decode of [decodeUefiVariable, decodeTaggedEvent, decodeVersionRecord]) {
          try {
            decode(input);
          } catch (error) {
            expect(error).toBeInstanceOf(EventLogError);
          }
        }
      }),
    );
  });
});
