import { EVENT_TYPES, measure } from '../../wire/tpm2/index.js';
import type { DigestValues, EventTypeName, HashAlgorithm, TcgEvent } from '../../wire/tpm2/index.js';

/** One measurement of a boot, before the TPM has seen it. */
export interface Measurement {
  readonly pcr: number;
  readonly eventType: number;
  /** Data of the event in the log. */
  readonly data: Buffer;
  /** What is extended, by bank. */
  readonly digests: DigestValues;
  /** Goes into the PCR; false for information only (EV_NO_ACTION). */
  readonly extended: boolean;
  /** Goes into the log; false if something measures without logging. */
  readonly logged: boolean;
}

/** A measurement whose digest is that of its data. */
export function measuredData(
  banks: readonly HashAlgorithm[],
  pcr: number,
  type: EventTypeName,
  data: Buffer,
): Measurement {
  return measuredContent(banks, pcr, type, data, data);
}

/** A measurement of something that is too large for the log, or of no use there. */
export function measuredContent(
  banks: readonly HashAlgorithm[],
  pcr: number,
  type: EventTypeName,
  data: Buffer,
  content: Buffer,
): Measurement {
  return measuredDigests(pcr, type, data, measure(banks, content));
}

/** A measurement whose digests are known. */
export function measuredDigests(
  pcr: number,
  type: EventTypeName,
  data: Buffer,
  digests: DigestValues,
): Measurement {
  return { pcr, eventType: EVENT_TYPES[type].value, data, digests, extended: true, logged: true };
}

/** Information that is logged but not measured. */
export function unmeasured(event: TcgEvent): Measurement {
  return { ...event, extended: false, logged: true };
}
