import { EVENT_TYPES, buildEventLog, parseEventLog } from '../../../wire/tpm2/index.js';
import type { TcgEvent } from '../../../wire/tpm2/index.js';
import type { FaultRow, TpmFaultStages } from '../fault-stages.js';

type LogFault = FaultRow<TpmFaultStages, 'log'>;

/** PCR 7, where Secure Boot is measured. */
const SECURE_BOOT_PCR = 7;
/** PCR 12, where kernel and core modules are measured. */
const CORE_PCR = 12;

/** Changes the first event that `pick` finds; undefined drops it. */
function changed(
  eventLog: Buffer,
  pick: (event: TcgEvent) => boolean,
  change: (event: TcgEvent) => TcgEvent | undefined,
): Buffer {
  const log = parseEventLog(eventLog);
  const at = log.events.findIndex(pick);
  const events = log.events.flatMap((event, index) => (index === at ? (change(event) ?? []) : event));
  return buildEventLog({ ...log, events });
}

/** Faults of the event log between boot and evidence. */
export const EVENT_LOG_FAULTS: readonly LogFault[] = [
  {
    name: 'log-event-dropped',
    catalogueNumbers: [31],
    sentence: 'The event of a core module is missing from the log.',
    stage: 'log',
    apply: (eventLog) =>
      changed(
        eventLog,
        ({ pcr }) => pcr === CORE_PCR,
        () => undefined,
      ),
  },
  {
    name: 'log-truncated',
    catalogueNumbers: [33],
    sentence: 'The log ends in the middle of an event.',
    stage: 'log',
    apply: (eventLog) => eventLog.subarray(0, -7),
  },
  {
    name: 'log-event-type-rewritten',
    catalogueNumbers: [34],
    sentence: 'The event of a core module says that it is of another type.',
    stage: 'log',
    apply: (eventLog) =>
      changed(
        eventLog,
        ({ pcr }) => pcr === CORE_PCR,
        (event) => ({ ...event, eventType: EVENT_TYPES.EV_IPL.value }),
      ),
  },
  {
    name: 'log-event-data-rewritten',
    catalogueNumbers: [35],
    sentence: 'The data of a Secure Boot event is another than was measured, while its digest is kept.',
    stage: 'log',
    apply: (eventLog) =>
      changed(
        eventLog,
        ({ pcr, eventType }) =>
          pcr === SECURE_BOOT_PCR && eventType === EVENT_TYPES.EV_EFI_VARIABLE_DRIVER_CONFIG.value,
        (event) => {
          const data = Buffer.from(event.data);
          data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
          return { ...event, data };
        },
      ),
  },
  {
    name: 'log-length-hostile',
    catalogueNumbers: [38],
    sentence: 'An event claims to have four gigabytes of data.',
    stage: 'log',
    apply: (eventLog) => {
      const copy = Buffer.from(eventLog);
      // The size of the Spec ID event follows PCR index, type and SHA-1 digest.
      copy.writeUInt32LE(0xffffffff, 28);
      return copy;
    },
  },
];
