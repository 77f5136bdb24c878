import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import {
  HASH_ALGORITHMS,
  PCR_COUNT,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TpmError,
  decodeTpmtPublic,
  decodeWhole,
  encodeTpmtPublic,
  encodeWhole,
  extendedPcr,
  handleTypeOf,
  initialPcr,
  nvName,
  readSensitive,
  writeSensitive,
} from '../../wire/tpm2/index.js';
import type { ClockInfo, HashAlgorithm, PcrSelection } from '../../wire/tpm2/index.js';
import type { NvIndex, PermanentState, StoredObject } from './permanent-state.js';
import { TpmObject } from './tpm-object.js';
import type { TpmSession } from './session.js';

/** Transient objects that fit at one time (as in most TPMs). */
export const TRANSIENT_SLOTS = 3;
/** Sessions that fit at one time (own choice). */
export const SESSION_SLOTS = 64;
/** Persistent objects that fit (own choice). */
export const PERSISTENT_SLOTS = 16;
/** NV indices that fit (own choice). */
export const NV_SLOTS = 64;
/** Failed authorizations after which the lockout begins (own choice; as swtpm). */
export const MAX_AUTH_FAILURES = 32;
/** One failure is forgiven after this time, in seconds (own choice; as swtpm). */
export const LOCKOUT_INTERVAL_SECONDS = 600;

/** The clock is kept at this interval, so this much of it may be lost with the power (own choice). */
const CLOCK_KEEP_MS = 4096;
const PROOF_BYTES = 64;
/** PCRs 0 to 15 are kept by TPM2_Shutdown(STATE) (PC Client Platform TPM Profile §4.6). */
const SAVED_PCRS = 16;

/** A TPM between its commands: what it keeps, what it holds while powered, and the rules that several commands share. */
export class TpmDevice {
  readonly permanent: PermanentState;
  /** Locality of the caller, 0 to 4; PCR 0 starts with that of TPM2_Startup. */
  locality: number;
  /** True between TPM2_Startup and the loss of power. */
  started = false;
  readonly transient = new Map<number, TpmObject>();
  readonly sessions = new Map<number, TpmSession>();
  /** Session handles that are saved outside by TPM2_ContextSave, with the sequence of the context. */
  readonly savedSessions = new Map<number, bigint>();
  platformAuth: Buffer = Buffer.alloc(0);
  pcrUpdateCounter = 0;
  contextSequence = 0n;
  nullSeed = randomBytes(PROOF_BYTES);
  nullProof = randomBytes(PROOF_BYTES);
  pcrs = new Map<HashAlgorithm, Buffer[]>();
  clockSafe = true;
  /** False from a failed authorization of the lockout authority to the next power cycle, as TPM_PT_LOCKOUT_RECOVERY is 0. */
  lockoutAuthUsable = true;
  readonly #clock: Clock;
  readonly #persistent = new Map<number, TpmObject>();
  #poweredAtMs: number;
  #clockBaseMs: number;
  #forgivenAtMs: number;

  /** Gives power to a TPM that has this state. @param locality the locality of the caller */
  constructor(permanent: PermanentState, clock: Clock, locality = 0) {
    this.permanent = permanent;
    this.locality = locality;
    this.#clock = clock;
    this.#poweredAtMs = clock.now();
    this.#forgivenAtMs = this.#poweredAtMs;
    this.#clockBaseMs = permanent.clockMs;
  }

  /** Fills the PCRs as after TPM2_Startup(CLEAR). */
  resetPcrs(): void {
    this.pcrs = new Map(
      this.permanent.banks.map((bank) => [
        bank,
        Array.from({ length: PCR_COUNT }, (_, pcr) => initialPcr(bank, pcr, this.locality)),
      ]),
    );
  }

  /** Extends a PCR in every bank for which there is a digest; others are left (TPM 2.0 Part 3 §22.2). */
  extendPcr(pcr: number, digests: ReadonlyMap<HashAlgorithm, Buffer>): void {
    for (const [hashAlg, digest] of digests) {
      const bank = this.pcrs.get(hashAlg);
      const value = bank?.[pcr];
      if (bank === undefined || value === undefined) continue;
      bank[pcr] = extendedPcr(hashAlg, value, digest);
    }
    this.#pcrChanged(pcr);
  }

  /** Gives a PCR the value it has after TPM2_Startup(CLEAR), in every bank (TPM 2.0 Part 3 §22.8). */
  resetPcr(pcr: number): void {
    for (const [bank, values] of this.pcrs) values[pcr] = initialPcr(bank, pcr);
    this.#pcrChanged(pcr);
  }

  /** Takes over what TPM2_Shutdown(STATE) saved; debug, dynamic and application PCRs start anew. */
  resumePcrs(saved: ReadonlyMap<HashAlgorithm, readonly Buffer[]>): void {
    for (const [bank, values] of saved) {
      const current = this.pcrs.get(bank) ?? [];
      this.pcrs.set(bank, [...values.slice(0, SAVED_PCRS), ...current.slice(SAVED_PCRS)]);
    }
  }

  #pcrChanged(pcr: number): void {
    this.pcrUpdateCounter += 1;
    if (pcr >= SAVED_PCRS) return;
    // What TPM2_Shutdown has saved is no longer what the TPM holds.
    this.permanent.orderly = undefined;
    this.permanent.savedPcrs = undefined;
  }

  /** The selection without the banks that this TPM does not have (TPM 2.0 Part 3 §22.4). */
  availablePcrs(selections: readonly PcrSelection[]): PcrSelection[] {
    return selections.map(({ hashAlg, pcrs }) => ({ hashAlg, pcrs: this.pcrs.has(hashAlg) ? pcrs : [] }));
  }

  /** The values of the selected PCRs, in order. */
  selectedPcrValues(selections: readonly PcrSelection[]): Buffer[] {
    return selections.flatMap(({ hashAlg, pcrs }) =>
      pcrs.flatMap((pcr) => this.pcrs.get(hashAlg)?.[pcr] ?? []),
    );
  }

  /** Milliseconds since power on. */
  get timeMs(): number {
    return Math.max(0, this.#clock.now() - this.#poweredAtMs);
  }

  /** The clock as it is reported; keeping it from time to time is part of reading it. */
  clockInfo(): ClockInfo {
    const clockMs = this.#clockBaseMs + this.timeMs;
    if (clockMs - this.permanent.clockMs >= CLOCK_KEEP_MS) {
      this.permanent.clockMs = clockMs;
      this.clockSafe = true;
    }
    return {
      clock: BigInt(clockMs),
      resetCount: this.permanent.resetCount,
      restartCount: this.permanent.restartCount,
      safe: this.clockSafe,
    };
  }

  /** Keeps the clock as it is now (at shutdown). */
  keepClock(): void {
    this.permanent.clockMs = this.#clockBaseMs + this.timeMs;
  }

  /** The object behind a transient or persistent handle. @throws TpmError TPM_RC_REFERENCE_H0 + position, TPM_RC_HANDLE */
  object(handle: number, position: number): TpmObject {
    const type = handleTypeOf(handle);
    if (type === TPM_HT.PERSISTENT) {
      const persistent = this.persistentObject(handle);
      if (persistent !== undefined) return persistent;
      throw new TpmError(TPM_RC.HANDLE | (position << 8));
    }
    const transient = this.transient.get(handle);
    if (transient !== undefined) return transient;
    if (type === TPM_HT.TRANSIENT) throw new TpmError(TPM_RC.REFERENCE_H0 + position - 1);
    throw new TpmError(TPM_RC.VALUE | (position << 8));
  }

  /** A persistent object, made ready at its first use after power on. */
  persistentObject(handle: number): TpmObject | undefined {
    const ready = this.#persistent.get(handle);
    if (ready !== undefined) return ready;
    const stored = this.permanent.persistent.get(handle);
    if (stored === undefined) return undefined;
    const object = restoreObject(stored);
    this.#persistent.set(handle, object);
    return object;
  }

  /** Forgets a persistent object. */
  evictPersistent(handle: number): void {
    this.#persistent.get(handle)?.destroy();
    this.#persistent.delete(handle);
    this.permanent.persistent.delete(handle);
  }

  /** Puts an object into a free slot. @throws TpmError TPM_RC_OBJECT_MEMORY */
  addTransient(object: TpmObject): number {
    for (let slot = 0; slot < TRANSIENT_SLOTS; slot += 1) {
      const handle = 0x80000000 + slot;
      if (this.transient.has(handle)) continue;
      this.transient.set(handle, object);
      return handle;
    }
    throw new TpmError(TPM_RC.OBJECT_MEMORY);
  }

  /** @throws TpmError TPM_RC_OBJECT_MEMORY before work is done whose result would not fit */
  requireTransientSlot(): void {
    if (this.transient.size >= TRANSIENT_SLOTS) throw new TpmError(TPM_RC.OBJECT_MEMORY);
  }

  /** An NV index. @throws TpmError TPM_RC_HANDLE about the handle at `position` */
  nvIndex(handle: number, position: number): NvIndex {
    const index = this.permanent.nv.get(handle);
    if (index === undefined) throw new TpmError(TPM_RC.HANDLE | (position << 8));
    return index;
  }

  /** The name of an entity as command digests have it (TPM 2.0 Part 1 §16). */
  entityName(handle: number, position: number): Buffer {
    switch (handleTypeOf(handle)) {
      case TPM_HT.TRANSIENT:
      case TPM_HT.PERSISTENT:
        return this.object(handle, position).name;
      case TPM_HT.NV_INDEX:
        return nvName(this.nvIndex(handle, position).publicArea);
      default:
        return encodeWhole((writer) => writer.u32(handle));
    }
  }

  /** Seed and proof of a hierarchy. @throws TpmError TPM_RC_HIERARCHY */
  hierarchySecrets(hierarchy: number): { seed: Buffer; proof: Buffer } {
    const { seeds, proofs } = this.permanent;
    switch (hierarchy) {
      case TPM_RH.OWNER:
        return { seed: seeds.OWNER, proof: proofs.OWNER };
      case TPM_RH.ENDORSEMENT:
        return { seed: seeds.ENDORSEMENT, proof: proofs.ENDORSEMENT };
      case TPM_RH.PLATFORM:
        return { seed: seeds.PLATFORM, proof: proofs.PLATFORM };
      case TPM_RH.NULL:
        return { seed: this.nullSeed, proof: this.nullProof };
      default:
        throw new TpmError(TPM_RC.HIERARCHY);
    }
  }

  /** An HMAC with the proof of a hierarchy: how the TPM recognizes its own tickets. */
  proofHmac(hierarchy: number, ...parts: readonly Buffer[]): Buffer {
    const hmac = createHmac(HASH_ALGORITHMS.SHA256.nodeName, this.hierarchySecrets(hierarchy).proof);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  /** True while authorizations that count towards the lockout are refused. */
  get inLockout(): boolean {
    this.#forgive();
    return this.permanent.failedTries >= MAX_AUTH_FAILURES;
  }

  /** Counts a failed authorization. */
  countAuthFailure(): void {
    this.#forgive();
    if (this.permanent.failedTries === 0) this.#forgivenAtMs = this.#clock.now();
    this.permanent.failedTries += 1;
  }

  #forgive(): void {
    const intervalMs = LOCKOUT_INTERVAL_SECONDS * 1000;
    const forgiven = Math.floor((this.#clock.now() - this.#forgivenAtMs) / intervalMs);
    if (forgiven <= 0) return;
    this.permanent.failedTries = Math.max(0, this.permanent.failedTries - forgiven);
    this.#forgivenAtMs += forgiven * intervalMs;
  }

  /** Loses power: everything that is not permanent is overwritten or gone. */
  powerOff(): void {
    for (const object of this.transient.values()) object.destroy();
    for (const object of this.#persistent.values()) object.destroy();
    for (const session of this.sessions.values()) session.sessionKey.fill(0);
    this.transient.clear();
    this.#persistent.clear();
    this.sessions.clear();
    this.started = false;
    this.lockoutAuthUsable = true;
  }
}

/** An object from how it is kept. */
export function restoreObject(stored: StoredObject): TpmObject {
  return new TpmObject(
    decodeTpmtPublic(stored.publicArea),
    // A copy, because destroying the object overwrites it.
    decodeWhole('TPMT_SENSITIVE', Buffer.from(stored.sensitive), readSensitive),
    stored.hierarchy,
    stored.parentQualifiedName,
  );
}

/** How an object is kept. @throws TpmError TPM_RC_SENSITIVE if its secret part is not loaded */
export function storeObject(object: TpmObject): StoredObject {
  const { sensitive } = object;
  if (sensitive === undefined) throw new TpmError(TPM_RC.SENSITIVE);
  return {
    publicArea: encodeTpmtPublic(object.publicArea),
    sensitive: encodeWhole((writer) => {
      writeSensitive(writer, sensitive);
    }),
    hierarchy: object.hierarchy,
    parentQualifiedName: object.parentQualifiedName,
  };
}
