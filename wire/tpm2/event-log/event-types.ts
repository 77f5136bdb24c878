/** What is known about one type of event. */
export interface EventTypeRow {
  readonly value: number;
  /** The digest of such an event is always that of its data, so the two can be compared. */
  readonly digestOfData: boolean;
}

/** Event types (TCG PC Client Platform Firmware Profile §10.4.1). */
export const EVENT_TYPES = {
  EV_PREBOOT_CERT: { value: 0x00000000, digestOfData: false },
  EV_POST_CODE: { value: 0x00000001, digestOfData: false },
  EV_NO_ACTION: { value: 0x00000003, digestOfData: false },
  EV_SEPARATOR: { value: 0x00000004, digestOfData: true },
  EV_ACTION: { value: 0x00000005, digestOfData: true },
  EV_EVENT_TAG: { value: 0x00000006, digestOfData: false },
  EV_S_CRTM_CONTENTS: { value: 0x00000007, digestOfData: false },
  EV_S_CRTM_VERSION: { value: 0x00000008, digestOfData: true },
  EV_CPU_MICROCODE: { value: 0x00000009, digestOfData: false },
  EV_PLATFORM_CONFIG_FLAGS: { value: 0x0000000a, digestOfData: false },
  EV_TABLE_OF_DEVICES: { value: 0x0000000b, digestOfData: false },
  EV_COMPACT_HASH: { value: 0x0000000c, digestOfData: false },
  EV_IPL: { value: 0x0000000d, digestOfData: false },
  EV_IPL_PARTITION_DATA: { value: 0x0000000e, digestOfData: false },
  EV_NONHOST_CODE: { value: 0x0000000f, digestOfData: false },
  EV_NONHOST_CONFIG: { value: 0x00000010, digestOfData: false },
  EV_NONHOST_INFO: { value: 0x00000011, digestOfData: false },
  EV_OMIT_BOOT_DEVICE_EVENTS: { value: 0x00000012, digestOfData: false },
  EV_EFI_VARIABLE_DRIVER_CONFIG: { value: 0x80000001, digestOfData: true },
  EV_EFI_VARIABLE_BOOT: { value: 0x80000002, digestOfData: false },
  EV_EFI_BOOT_SERVICES_APPLICATION: { value: 0x80000003, digestOfData: false },
  EV_EFI_BOOT_SERVICES_DRIVER: { value: 0x80000004, digestOfData: false },
  EV_EFI_RUNTIME_SERVICES_DRIVER: { value: 0x80000005, digestOfData: false },
  EV_EFI_GPT_EVENT: { value: 0x80000006, digestOfData: true },
  EV_EFI_ACTION: { value: 0x80000007, digestOfData: true },
  EV_EFI_PLATFORM_FIRMWARE_BLOB: { value: 0x80000008, digestOfData: false },
  EV_EFI_HANDOFF_TABLES: { value: 0x80000009, digestOfData: false },
  EV_EFI_PLATFORM_FIRMWARE_BLOB2: { value: 0x8000000a, digestOfData: false },
  EV_EFI_HANDOFF_TABLES2: { value: 0x8000000b, digestOfData: false },
  EV_EFI_VARIABLE_BOOT2: { value: 0x8000000c, digestOfData: true },
  EV_EFI_HCRTM_EVENT: { value: 0x80000010, digestOfData: false },
  EV_EFI_VARIABLE_AUTHORITY: { value: 0x800000e0, digestOfData: true },
} as const satisfies Record<string, EventTypeRow>;

/** Name of an event type. */
export type EventTypeName = keyof typeof EVENT_TYPES;

const NAME_BY_VALUE = new Map<number, EventTypeName>(
  (Object.keys(EVENT_TYPES) as EventTypeName[]).map((name) => [EVENT_TYPES[name].value, name]),
);

/** The name of an event type, or undefined if it is not in the table. */
export function eventTypeOf(value: number): EventTypeName | undefined {
  return NAME_BY_VALUE.get(value);
}
