import { hash } from 'node:crypto';

import { errorText } from '../../../core/errors.js';
import { decodeTpm2bPublic, parseEventLog, replayEventLog } from '../../../wire/tpm2/index.js';
import type { EventLog, HashAlgorithm, TpmtPublic } from '../../../wire/tpm2/index.js';
import { LruMap } from '../../lru-map.js';

/** A structure that may be malformed: either its value, or why there is none. */
export type Decoded<T> = { readonly value: T } | { readonly problem: string };

/** The bank that the event log is replayed and judged in: the one that challenges ask for. */
export const JUDGED_BANK = 'SHA256' satisfies HashAlgorithm;

/** A log with what its replay comes to. */
export interface ReadLog {
  readonly log: Decoded<EventLog>;
  readonly replayed: Decoded<ReadonlyMap<number, Buffer>>;
}

/** Longest log that is remembered, in bytes; that of an ESXi host has about 20 KiB. */
const REMEMBERED_LOG_BYTES = 128 * 1024;
const REMEMBERED_LOGS = 64;
const REMEMBERED_PUBLIC_AREAS = 4096;

/**
 * Structures that were read before, by their content. Hosts that boot the same image send the same log, and each sends
 * the same attestation key until it reboots. Only what a reading comes to is remembered, never a verdict.
 */
export class ReadStructures {
  readonly #logs = new LruMap<string, ReadLog>(REMEMBERED_LOGS);
  readonly #publicAreas = new LruMap<string, Decoded<TpmtPublic>>(REMEMBERED_PUBLIC_AREAS);

  /** A TCG2 event log. */
  eventLog(bytes: Buffer): ReadLog {
    if (bytes.length > REMEMBERED_LOG_BYTES) return readLog(bytes);
    const digest = hash('sha256', bytes, 'base64');
    return this.#logs.findOrMake(digest, () => readLog(bytes));
  }

  /** @param base64 a TPM2B_PUBLIC */
  publicArea(base64: string): Decoded<TpmtPublic> {
    return this.#publicAreas.findOrMake(base64, () =>
      decoded(() => decodeTpm2bPublic(Buffer.from(base64, 'base64'))),
    );
  }
}

/** What a decoder returns, or why it threw. */
export function decoded<T>(decode: () => T): Decoded<T> {
  try {
    return { value: decode() };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

/** The value of something decoded; undefined if there is none. */
export function valueOf<T>(decodedValue: Decoded<T>): T | undefined {
  return 'value' in decodedValue ? decodedValue.value : undefined;
}

function readLog(bytes: Buffer): ReadLog {
  const log = decoded(() => parseEventLog(bytes));
  return {
    log,
    replayed: 'value' in log ? decoded(() => replayEventLog(log.value, JUDGED_BANK)) : log,
  };
}
