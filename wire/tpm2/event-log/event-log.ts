import { HASH_ALGORITHMS, hashAlgorithmOf } from '../algorithms.js';
import type { HashAlgorithm } from '../algorithms.js';
import { PCR_COUNT } from '../constants.js';
import { EventLogError } from '../errors.js';
import type { DigestValues } from '../pcr.js';
import { EVENT_TYPES } from './event-types.js';
import { LogReader } from './log-reader.js';

/** One event: a measurement into one PCR, or with EV_NO_ACTION information that is not measured. */
export interface TcgEvent {
  readonly pcr: number;
  /** See `EVENT_TYPES`; unknown values are kept. */
  readonly eventType: number;
  /** A digest for each bank that the log has. */
  readonly digests: DigestValues;
  readonly data: Buffer;
}

/** A crypto-agile event log, `EFI_TCG2_EVENT_LOG_FORMAT_TCG_2` (TCG EFI Protocol §5, PC Client PFP §10). */
export interface EventLog {
  /** Banks of the Spec ID event, in its order; those unknown here are left out. */
  readonly banks: readonly HashAlgorithm[];
  /** Events after the Spec ID event. */
  readonly events: readonly TcgEvent[];
}

/** Most events that are read (own choice; ESXi calls its log unreliable past 1,000). */
export const MAX_LOG_EVENTS = 8192;

/** Longest log that is read, in bytes (own choice; firmware sets 64 KiB to 1 MiB aside). */
export const MAX_LOG_BYTES = 2 * 1024 * 1024;

/** Number of events past which ESXi says that its log is not reliable (`tpmLogReliable`). */
export const RELIABLE_LOG_EVENTS = 1000;

const SPEC_ID_SIGNATURE = Buffer.from('Spec ID Event03\0', 'latin1');
const STARTUP_LOCALITY_SIGNATURE = Buffer.from('StartupLocality\0', 'latin1');
const SHA1_BYTES = HASH_ALGORITHMS.SHA1.digestBytes;
const MAX_BANKS = 8;
const MAX_DIGEST_BYTES = 64;

interface BankColumn {
  readonly id: number;
  readonly length: number;
  readonly hashAlg: HashAlgorithm | undefined;
}

/**
 * Reads a log. Its measurements are not judged here, only its form.
 *
 * @throws EventLogError code `log_malformed` if it is truncated, a length is hostile, an event lacks a bank, or there are too
 *   many events
 */
export function parseEventLog(bytes: Buffer): EventLog {
  if (bytes.length > MAX_LOG_BYTES) {
    throw new EventLogError(`the event log has ${bytes.length} bytes; at most ${MAX_LOG_BYTES} are read`);
  }
  const reader = new LogReader(bytes, 'event log');
  const columns = readSpecId(reader);
  const events: TcgEvent[] = [];
  while (reader.remaining > 0) {
    if (events.length === MAX_LOG_EVENTS) {
      throw new EventLogError(`the event log has more than ${MAX_LOG_EVENTS} events`);
    }
    events.push(readEvent(reader, columns, events.length));
  }
  return { banks: columns.flatMap(({ hashAlg }) => (hashAlg === undefined ? [] : [hashAlg])), events };
}

function readSpecId(reader: LogReader): BankColumn[] {
  const pcr = reader.u32('PCR index of the first event');
  const eventType = reader.u32('type of the first event');
  reader.bytes(SHA1_BYTES, 'digest of the first event');
  const data = reader.bytes(reader.u32('size of the first event'), 'first event');
  if (pcr !== 0 || eventType !== EVENT_TYPES.EV_NO_ACTION.value) {
    throw new EventLogError('the first event of the log is not a Spec ID event');
  }
  const fields = new LogReader(data, 'Spec ID event');
  if (!fields.bytes(SPEC_ID_SIGNATURE.length, 'signature').equals(SPEC_ID_SIGNATURE)) {
    throw new EventLogError('the first event of the log is not a Spec ID event of version 2.0');
  }
  fields.bytes(8, 'platform class and versions');
  const count = fields.u32('number of algorithms');
  if (count === 0 || count > MAX_BANKS) {
    throw new EventLogError(`the Spec ID event names ${count} algorithms; 1 to ${MAX_BANKS} are read`);
  }
  const columns = Array.from({ length: count }, () => readColumn(fields));
  if (new Set(columns.map(({ id }) => id)).size !== columns.length) {
    throw new EventLogError('the Spec ID event names an algorithm twice');
  }
  fields.bytes(fields.u8('size of vendor information'), 'vendor information');
  fields.end();
  return columns;
}

function readColumn(fields: LogReader): BankColumn {
  const id = fields.u16('algorithm');
  const length = fields.u16('digest size');
  const hashAlg = hashAlgorithmOf(id);
  const expected = hashAlg === undefined ? undefined : HASH_ALGORITHMS[hashAlg].digestBytes;
  if (length === 0 || length > MAX_DIGEST_BYTES || (expected !== undefined && expected !== length)) {
    throw new EventLogError(
      `the Spec ID event gives algorithm 0x${id.toString(16)} a digest of ${length} bytes`,
    );
  }
  return { id, length, hashAlg };
}

function readEvent(reader: LogReader, columns: readonly BankColumn[], index: number): TcgEvent {
  const what = `event ${index + 1}`;
  const pcr = reader.u32(`PCR index of ${what}`);
  if (pcr >= PCR_COUNT && pcr !== 0xffffffff) throw new EventLogError(`${what} is about PCR ${pcr}`);
  const eventType = reader.u32(`type of ${what}`);
  const count = reader.u32(`digest count of ${what}`);
  if (count !== columns.length) {
    throw new EventLogError(`${what} has ${count} digests, but the log has ${columns.length} banks`);
  }
  const digests = new Map<HashAlgorithm, Buffer>();
  const seen = new Set<number>();
  for (let at = 0; at < count; at += 1) {
    const id = reader.u16(`algorithm of ${what}`);
    const column = columns.find((candidate) => candidate.id === id);
    if (column === undefined || seen.has(id)) {
      throw new EventLogError(`${what} has an unexpected digest of algorithm 0x${id.toString(16)}`);
    }
    seen.add(id);
    const digest = reader.bytes(column.length, `digest of ${what}`);
    if (column.hashAlg !== undefined) digests.set(column.hashAlg, digest);
  }
  const data = reader.bytes(reader.u32(`size of ${what}`), `data of ${what}`);
  return { pcr, eventType, digests, data };
}

/** The bytes of a log, beginning with its Spec ID event. */
export function buildEventLog(log: EventLog): Buffer {
  return Buffer.concat([buildSpecId(log.banks), ...log.events.map((event) => buildEvent(log.banks, event))]);
}

function buildSpecId(banks: readonly HashAlgorithm[]): Buffer {
  const data = Buffer.alloc(SPEC_ID_SIGNATURE.length + 12 + banks.length * 4 + 1);
  SPEC_ID_SIGNATURE.copy(data, 0);
  // Platform class 0 (client); version 2.0, errata 0; a UINTN of 64 bits.
  data.set([0, 0, 0, 0, 0, 2, 0, 2], SPEC_ID_SIGNATURE.length);
  data.writeUInt32LE(banks.length, SPEC_ID_SIGNATURE.length + 8);
  banks.forEach((bank, index) => {
    const at = SPEC_ID_SIGNATURE.length + 12 + index * 4;
    data.writeUInt16LE(HASH_ALGORITHMS[bank].id, at);
    data.writeUInt16LE(HASH_ALGORITHMS[bank].digestBytes, at + 2);
  });
  const header = Buffer.alloc(8 + SHA1_BYTES + 4);
  header.writeUInt32LE(EVENT_TYPES.EV_NO_ACTION.value, 4);
  header.writeUInt32LE(data.length, 8 + SHA1_BYTES);
  return Buffer.concat([header, data]);
}

function buildEvent(banks: readonly HashAlgorithm[], event: TcgEvent): Buffer {
  const digestBytes = banks.reduce((sum, bank) => sum + 2 + HASH_ALGORITHMS[bank].digestBytes, 0);
  const bytes = Buffer.alloc(12 + digestBytes + 4 + event.data.length);
  bytes.writeUInt32LE(event.pcr, 0);
  bytes.writeUInt32LE(event.eventType >>> 0, 4);
  bytes.writeUInt32LE(banks.length, 8);
  let at = 12;
  for (const bank of banks) {
    bytes.writeUInt16LE(HASH_ALGORITHMS[bank].id, at);
    event.digests.get(bank)?.copy(bytes, at + 2);
    at += 2 + HASH_ALGORITHMS[bank].digestBytes;
  }
  bytes.writeUInt32LE(event.data.length, at);
  event.data.copy(bytes, at + 4);
  return bytes;
}

/** The event that says at which locality the TPM was started (PC Client PFP §10.4.5.3); it is not measured. */
export function startupLocalityEvent(banks: readonly HashAlgorithm[], locality: number): TcgEvent {
  return {
    pcr: 0,
    eventType: EVENT_TYPES.EV_NO_ACTION.value,
    digests: new Map(banks.map((bank) => [bank, Buffer.alloc(HASH_ALGORITHMS[bank].digestBytes)])),
    data: Buffer.concat([STARTUP_LOCALITY_SIGNATURE, Buffer.from([locality])]),
  };
}

/** The locality at which the TPM was started, 0 if the log does not say. */
export function startupLocalityOf(log: EventLog): number {
  const found = log.events.find(
    ({ eventType, data }) =>
      eventType === EVENT_TYPES.EV_NO_ACTION.value &&
      data.length === STARTUP_LOCALITY_SIGNATURE.length + 1 &&
      data.subarray(0, STARTUP_LOCALITY_SIGNATURE.length).equals(STARTUP_LOCALITY_SIGNATURE),
  );
  return found === undefined ? 0 : found.data.readUInt8(STARTUP_LOCALITY_SIGNATURE.length);
}
