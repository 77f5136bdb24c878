import { EventLogError } from '../errors.js';
import { LogReader } from './log-reader.js';

/** What is known about one kind of tagged event of the ESXi boot loader. */
export interface EsxiTagRow {
  /** taggedEventID */
  readonly id: number;
  /** The digest of such an event is that of its payload; otherwise that of a file which the payload names. */
  readonly digestOfPayload: boolean;
}

/** Kinds of tagged events that the ESXi boot loader measures (open sources of the ESXi boot loader). */
export const ESXI_TAGS = {
  MOD: { id: 2, digestOfPayload: false },
  BOOT_OPT: { id: 3, digestOfPayload: false },
  CMD_OPT: { id: 4, digestOfPayload: true },
  TAG: { id: 6, digestOfPayload: true },
  SIGNER: { id: 7, digestOfPayload: true },
  VERSION: { id: 8, digestOfPayload: true },
} as const satisfies Record<string, EsxiTagRow>;

/** Name of a kind of tagged event. */
export type EsxiTag = keyof typeof ESXI_TAGS;

/** TCG_PCClientTaggedEvent: data of an EV_EVENT_TAG event (PC Client PFP §10.4.2.1). */
export interface TaggedEvent {
  /** taggedEventID; see `ESXI_TAGS` */
  readonly id: number;
  readonly payload: Buffer;
}

const TAG_BY_ID = new Map<number, EsxiTag>(
  (Object.keys(ESXI_TAGS) as EsxiTag[]).map((name) => [ESXI_TAGS[name].id, name]),
);

/** The kind of a tagged event, or undefined if ESXi has none with this id. */
export function esxiTagOf(id: number): EsxiTag | undefined {
  return TAG_BY_ID.get(id);
}

/** The bytes of a tagged event. */
export function encodeTaggedEvent(tag: EsxiTag, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(ESXI_TAGS[tag].id, 0);
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

/** Reads a tagged event. @throws EventLogError if its length is not that of its payload */
export function decodeTaggedEvent(bytes: Buffer): TaggedEvent {
  const reader = new LogReader(bytes, 'tagged event');
  const id = reader.u32('tag');
  const payload = reader.bytes(reader.u32('size'), 'payload');
  reader.end();
  return { id, payload };
}

/** The payload of a MOD or BOOT_OPT event: the base name of a file and a zero. */
export function moduleNamePayload(name: string): Buffer {
  return Buffer.from(`${name}\0`, 'utf8');
}

/** The base name in the payload of a MOD or BOOT_OPT event. @throws EventLogError if it does not end with its only zero */
export function moduleNameOf(payload: Buffer): string {
  if (payload.length < 2 || payload.indexOf(0) !== payload.length - 1) {
    throw new EventLogError('the module name of a tagged event is not a string that ends with a zero');
  }
  return payload.subarray(0, -1).toString('utf8');
}

/** A version record of a core module, the payload of a VERSION event. */
export interface VersionRecord {
  readonly componentName: string;
  readonly productName: string;
  readonly productVersion: string;
  /** Path of the module that it was found in. */
  readonly fileName: string;
}

const VERSION_FIELDS = ['componentName', 'productName', 'productVersion', 'fileName'] as const;
const VERSION_HEADER_BYTES = 16 + VERSION_FIELDS.length * 4;

/** The bytes of a version record: total size, format version 1, flags, then offset and length of each string. */
export function encodeVersionRecord(record: VersionRecord): Buffer {
  const strings = VERSION_FIELDS.map((field) => Buffer.from(`${record[field]}\0`, 'utf8'));
  const header = Buffer.alloc(VERSION_HEADER_BYTES);
  let offset = VERSION_HEADER_BYTES;
  strings.forEach((value, index) => {
    header.writeUInt16LE(offset, 16 + index * 4);
    header.writeUInt16LE(value.length, 18 + index * 4);
    offset += value.length;
  });
  header.writeUInt32LE(offset, 0);
  header.writeUInt32LE(1, 4);
  return Buffer.concat([header, ...strings]);
}

/** Reads a version record. @throws EventLogError if an offset or length lies outside of it */
export function decodeVersionRecord(bytes: Buffer): VersionRecord {
  const reader = new LogReader(bytes, 'version record');
  if (reader.u32('total size') !== bytes.length) {
    throw new EventLogError('version record: its total size is not its length');
  }
  if (reader.u32('format version') === 0) throw new EventLogError('version record: its format version is 0');
  reader.bytes(8, 'flags');
  const texts = VERSION_FIELDS.map((field) => {
    const offset = reader.u16(`offset of ${field}`);
    const length = reader.u16(`length of ${field}`);
    if (length === 0 || offset < VERSION_HEADER_BYTES || offset + length > bytes.length) {
      throw new EventLogError(`version record: ${field} lies outside of it`);
    }
    return bytes.subarray(offset, offset + length - 1).toString('utf8');
  });
  const [componentName = '', productName = '', productVersion = '', fileName = ''] = texts;
  return { componentName, productName, productVersion, fileName };
}
