import { HASH_ALGORITHMS } from '../algorithms.js';
import type { HashAlgorithm } from '../algorithms.js';
import { PCR_COUNT } from '../constants.js';
import { EventLogError } from '../errors.js';
import { extendedPcr } from '../pcr.js';
import { startupLocalityOf } from './event-log.js';
import type { EventLog } from './event-log.js';
import { EVENT_TYPES } from './event-types.js';

/** First and last PCR that begin as ones: those of the dynamic root of trust (PC Client Platform TPM Profile §4.6). */
const FIRST_DRTM_PCR = 17;
const LAST_DRTM_PCR = 22;

/**
 * The value of a PCR after TPM2_Startup(CLEAR): zeros; ones for PCRs 17 to 22; and PCR 0 carries the startup
 * locality in its last byte (TPM 2.0 Part 1 §34.2.1).
 */
export function initialPcr(hashAlg: HashAlgorithm, pcr: number, startupLocality = 0): Buffer {
  const ones = pcr >= FIRST_DRTM_PCR && pcr <= LAST_DRTM_PCR;
  const value = Buffer.alloc(HASH_ALGORITHMS[hashAlg].digestBytes, ones ? 0xff : 0);
  if (pcr === 0) value.writeUInt8(startupLocality, value.length - 1);
  return value;
}

/**
 * What the PCRs of one bank hold if everything in the log was measured, and nothing else.
 *
 * @returns the values of all 24 PCRs
 * @throws EventLogError if the log does not have this bank
 */
export function replayEventLog(log: EventLog, hashAlg: HashAlgorithm): Map<number, Buffer> {
  if (!log.banks.includes(hashAlg)) throw new EventLogError(`the event log has no ${hashAlg} digests`);
  const locality = startupLocalityOf(log);
  const values = new Map<number, Buffer>();
  for (let pcr = 0; pcr < PCR_COUNT; pcr += 1) values.set(pcr, initialPcr(hashAlg, pcr, locality));
  for (const event of log.events) {
    if (event.eventType === EVENT_TYPES.EV_NO_ACTION.value) continue;
    const value = values.get(event.pcr);
    const digest = event.digests.get(hashAlg);
    if (value === undefined || digest === undefined) {
      throw new EventLogError(
        `an event of type 0x${event.eventType.toString(16)} cannot be measured into a PCR`,
      );
    }
    values.set(event.pcr, extendedPcr(hashAlg, value, digest));
  }
  return values;
}
