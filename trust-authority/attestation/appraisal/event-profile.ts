import {
  ESXI_TAGS,
  EVENT_TYPES,
  decodeTaggedEvent,
  digestOf,
  esxiTagOf,
  eventTypeOf,
} from '../../../wire/tpm2/index.js';
import type { EsxiTag, EventLog, EventTypeName, TaggedEvent, TcgEvent } from '../../../wire/tpm2/index.js';
import { JUDGED_BANK, valueOf } from './material.js';
import type { Material } from './material.js';

/** Types that firmware logs into any of its PCRs. */
const FIRMWARE_ANY = ['EV_SEPARATOR', 'EV_ACTION', 'EV_EFI_ACTION', 'EV_NO_ACTION'] as const;

/** Types of code that firmware measures before it runs it. */
const FIRMWARE_CODE = [
  'EV_EFI_PLATFORM_FIRMWARE_BLOB',
  'EV_EFI_PLATFORM_FIRMWARE_BLOB2',
  'EV_EFI_BOOT_SERVICES_APPLICATION',
  'EV_EFI_BOOT_SERVICES_DRIVER',
  'EV_EFI_RUNTIME_SERVICES_DRIVER',
  'EV_NONHOST_CODE',
] as const;

const FIRMWARE_CONFIGURATION = [
  'EV_EFI_VARIABLE_BOOT',
  'EV_EFI_VARIABLE_BOOT2',
  'EV_EFI_VARIABLE_DRIVER_CONFIG',
  'EV_EFI_HANDOFF_TABLES',
  'EV_EFI_HANDOFF_TABLES2',
  'EV_PLATFORM_CONFIG_FLAGS',
  'EV_TABLE_OF_DEVICES',
  'EV_CPU_MICROCODE',
  'EV_NONHOST_CONFIG',
] as const;

/**
 * Event types that belong into each PCR (TCG PC Client Platform Firmware Profile §3.3.4 for PCRs 0 to 7, the
 * measurements of the ESXi boot loader for PCRs 11 to 14).
 */
export const PCR_EVENT_TYPES: Readonly<Record<number, readonly EventTypeName[]>> = {
  0: [
    ...FIRMWARE_ANY,
    ...FIRMWARE_CODE,
    'EV_S_CRTM_CONTENTS',
    'EV_S_CRTM_VERSION',
    'EV_POST_CODE',
    'EV_EFI_HANDOFF_TABLES',
    'EV_EFI_HANDOFF_TABLES2',
    'EV_EFI_HCRTM_EVENT',
  ],
  1: [...FIRMWARE_ANY, ...FIRMWARE_CONFIGURATION],
  2: [...FIRMWARE_ANY, ...FIRMWARE_CODE],
  3: [...FIRMWARE_ANY, ...FIRMWARE_CONFIGURATION],
  4: [...FIRMWARE_ANY, ...FIRMWARE_CODE, 'EV_IPL', 'EV_COMPACT_HASH', 'EV_OMIT_BOOT_DEVICE_EVENTS'],
  5: [...FIRMWARE_ANY, 'EV_EFI_GPT_EVENT', 'EV_IPL_PARTITION_DATA'],
  6: [...FIRMWARE_ANY, 'EV_COMPACT_HASH', 'EV_NONHOST_INFO'],
  7: [...FIRMWARE_ANY, 'EV_EFI_VARIABLE_DRIVER_CONFIG', 'EV_EFI_VARIABLE_AUTHORITY'],
  11: ['EV_EVENT_TAG'],
  12: ['EV_EVENT_TAG'],
  13: ['EV_EVENT_TAG'],
  14: ['EV_EVENT_TAG'],
};

/** Tagged events of the ESXi boot loader that belong into each PCR. */
export const PCR_ESXI_TAGS: Readonly<Record<number, readonly EsxiTag[]>> = {
  11: ['MOD'],
  12: ['MOD'],
  13: ['MOD', 'VERSION'],
  14: ['BOOT_OPT', 'CMD_OPT', 'SIGNER', 'TAG'],
};

/** An event with what could be read of it. */
export interface JudgedEvent {
  /** Its place in the log, 1 for the first after the Spec ID event. */
  readonly number: number;
  readonly pcr: number;
  readonly type: EventTypeName | undefined;
  readonly digest: Buffer;
  readonly data: Buffer;
  /** Of an EV_EVENT_TAG event: its content; undefined if it is malformed. */
  readonly tagged: (TaggedEvent & { readonly tag: EsxiTag | undefined }) | undefined;
  /** Digest of the bytes that its digest should be of; undefined if the log does not hold them. */
  readonly dataDigest: Buffer | undefined;
  /** Whether that is its digest; undefined if the log does not hold the bytes. */
  readonly hasDataDigest: boolean | undefined;
  /** Whether it has a type and, where it is one of the boot loader, a tag that belongs into its PCR. */
  readonly belongs: boolean;
}

/** An event as it was logged, before it is held against anything. */
type ReadEvent = Omit<JudgedEvent, 'dataDigest' | 'hasDataDigest' | 'belongs'>;

/** Events of a log as they are judged, so that they are read once and not once a step. */
const judgedEvents = new WeakMap<EventLog, readonly JudgedEvent[]>();

/** The measured events of the PCRs given, in order; undefined if there is no log. */
export function eventsOf(material: Material, pcrs: ReadonlySet<number>): JudgedEvent[] | undefined {
  return allEventsOf(material)?.filter(({ pcr }) => pcrs.has(pcr));
}

/** All measured events in order; undefined if there is no log. */
export function allEventsOf(material: Material): readonly JudgedEvent[] | undefined {
  const log = valueOf(material.log);
  if (!log || !valueOf(material.replayed)) return undefined;
  const known = judgedEvents.get(log);
  const judged = known ?? log.events.flatMap((event, index) => judgedEvent(event, index + 1) ?? []);
  if (!known) judgedEvents.set(log, judged);
  return judged;
}

/** How an event is named in findings. */
export function eventText(event: JudgedEvent): string {
  const tag = event.tagged?.tag;
  return `event ${event.number} in PCR ${event.pcr} (${event.type ?? 'unknown type'}${tag ? ` ${tag}` : ''})`;
}

/** The bytes that the digest of an event is of; undefined if it is of something that the log does not hold. */
function measuredBytes({ type, data, tagged }: ReadEvent): Buffer | undefined {
  if (type !== undefined && EVENT_TYPES[type].digestOfData) return data;
  return tagged?.tag && ESXI_TAGS[tagged.tag].digestOfPayload ? tagged.payload : undefined;
}

function judgedEvent(event: TcgEvent, number: number): JudgedEvent | undefined {
  const digest = event.digests.get(JUDGED_BANK);
  const type = eventTypeOf(event.eventType);
  if (!digest || type === 'EV_NO_ACTION') return undefined;
  const judged = {
    number,
    pcr: event.pcr,
    type,
    digest,
    data: event.data,
    tagged: type === 'EV_EVENT_TAG' ? taggedOf(event.data) : undefined,
  };
  const measured = measuredBytes(judged);
  const dataDigest = measured && digestOf(JUDGED_BANK, measured);
  return { ...judged, dataDigest, hasDataDigest: dataDigest?.equals(digest), belongs: belongs(judged) };
}

function belongs({ pcr, type, tagged }: ReadEvent): boolean {
  const types = PCR_EVENT_TYPES[pcr];
  if (!types) return true; // no profile says what belongs into this PCR
  if (type === undefined || !types.includes(type)) return false;
  if (type !== 'EV_EVENT_TAG') return true;
  return tagged?.tag !== undefined && (PCR_ESXI_TAGS[pcr] ?? []).includes(tagged.tag);
}

function taggedOf(data: Buffer): JudgedEvent['tagged'] {
  try {
    const tagged = decodeTaggedEvent(data);
    return { ...tagged, tag: esxiTagOf(tagged.id) };
  } catch {
    return undefined; // the step for event types refuses it
  }
}
