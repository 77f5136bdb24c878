import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { KpsimError } from '../../core/errors.js';
import { HASH_ALGORITHMS } from '../../wire/tpm2/index.js';
import type { HashAlgorithm, NvPublic } from '../../wire/tpm2/index.js';

/** Hierarchies that keep seed, proof and authorization across power cycles. */
export const PERMANENT_HIERARCHIES = ['OWNER', 'ENDORSEMENT', 'PLATFORM'] as const;

/** Name of such a hierarchy. */
export type PermanentHierarchy = (typeof PERMANENT_HIERARCHIES)[number];

/** An object as it is kept: encoded public and sensitive part, and where it belongs. */
export interface StoredObject {
  /** TPMT_PUBLIC */
  readonly publicArea: Buffer;
  /** TPMT_SENSITIVE; secret */
  readonly sensitive: Buffer;
  /** TPM_RH */
  readonly hierarchy: number;
  readonly parentQualifiedName: Buffer;
}

/** An NV index and what is in it. */
export interface NvIndex {
  readonly publicArea: NvPublic;
  readonly authValue: Buffer;
  readonly data: Buffer;
}

/** How the TPM was last shut down; undefined if it lost power without TPM2_Shutdown. */
export type OrderlyShutdown = 'CLEAR' | 'STATE';

/** All that a TPM keeps without power. It holds secrets: whoever stores it keeps it private. */
export interface PermanentState {
  readonly manufacturer: string;
  readonly banks: HashAlgorithm[];
  readonly firmwareVersion: bigint;
  readonly seeds: Record<PermanentHierarchy, Buffer>;
  readonly proofs: Record<PermanentHierarchy, Buffer>;
  readonly auths: Record<'OWNER' | 'ENDORSEMENT' | 'LOCKOUT', Buffer>;
  readonly persistent: Map<number, StoredObject>;
  readonly nv: Map<number, NvIndex>;
  /** RSA primary objects that were derived once, by the digest of hierarchy and template. */
  readonly primaries: Map<string, StoredObject>;
  resetCount: number;
  restartCount: number;
  /** Milliseconds of `clock` at the last time it was kept. */
  clockMs: number;
  /** Authorization failures that count towards the lockout. */
  failedTries: number;
  orderly: OrderlyShutdown | undefined;
  /** PCR values kept by TPM2_Shutdown(STATE), by bank. */
  savedPcrs: Map<HashAlgorithm, Buffer[]> | undefined;
}

const SEED_BYTES = 64;

/** A TPM as it leaves the factory, without endorsement certificates yet. */
export function newPermanentState(options: {
  readonly manufacturer: string;
  readonly banks: readonly HashAlgorithm[];
  readonly firmwareVersion: bigint;
  readonly endorsementSeed?: Buffer;
}): PermanentState {
  const secret = (): Buffer => randomBytes(SEED_BYTES);
  return {
    manufacturer: options.manufacturer,
    banks: [...options.banks],
    firmwareVersion: options.firmwareVersion,
    seeds: { OWNER: secret(), ENDORSEMENT: options.endorsementSeed ?? secret(), PLATFORM: secret() },
    proofs: { OWNER: secret(), ENDORSEMENT: secret(), PLATFORM: secret() },
    auths: { OWNER: Buffer.alloc(0), ENDORSEMENT: Buffer.alloc(0), LOCKOUT: Buffer.alloc(0) },
    persistent: new Map(),
    nv: new Map(),
    primaries: new Map(),
    resetCount: 0,
    restartCount: 0,
    clockMs: 0,
    failedTries: 0,
    orderly: undefined,
    savedPcrs: undefined,
  };
}

const STATE_VERSION = 1;
const MAX_STATE_BYTES = 4 * 1024 * 1024;

const bytes = z.base64().transform((text) => Buffer.from(text, 'base64'));
const bank = z.enum(Object.keys(HASH_ALGORITHMS) as [HashAlgorithm, ...HashAlgorithm[]]);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const handle = z.number().int().min(0).max(0xffffffff);
const storedObject = z.strictObject({
  publicArea: bytes,
  sensitive: bytes,
  hierarchy: handle,
  parentQualifiedName: bytes,
});
const nvIndex = z.strictObject({
  publicArea: z.strictObject({
    nvIndex: handle,
    nameAlg: bank,
    attributes: handle,
    authPolicy: bytes,
    dataBytes: count,
  }),
  authValue: bytes,
  data: bytes,
});
const hierarchies = z.strictObject({ OWNER: bytes, ENDORSEMENT: bytes, PLATFORM: bytes });

const stateSchema = z.strictObject({
  version: z.literal(STATE_VERSION),
  manufacturer: z.string().length(4),
  banks: z.array(bank).min(1).max(8),
  firmwareVersion: z.string().regex(/^\d{1,20}$/),
  seeds: hierarchies,
  proofs: hierarchies,
  auths: z.strictObject({ OWNER: bytes, ENDORSEMENT: bytes, LOCKOUT: bytes }),
  persistent: z.array(z.tuple([handle, storedObject])).max(256),
  nv: z.array(z.tuple([handle, nvIndex])).max(256),
  primaries: z.array(z.tuple([z.string().regex(/^[0-9a-f]{64}$/), storedObject])).max(256),
  resetCount: count,
  restartCount: count,
  clockMs: count,
  failedTries: count,
  orderly: z.enum(['CLEAR', 'STATE']).optional(),
  savedPcrs: z
    .array(z.tuple([bank, z.array(bytes)]))
    .max(8)
    .optional(),
});

/** Serializes the state (own choice: versioned JSON with base64). The result is secret. */
export function savePermanentState(state: PermanentState): Buffer {
  const json = JSON.stringify(
    {
      version: STATE_VERSION,
      ...state,
      persistent: [...state.persistent],
      nv: [...state.nv],
      primaries: [...state.primaries],
      savedPcrs: state.savedPcrs === undefined ? undefined : [...state.savedPcrs],
    },
    // Buffers have turned into { type, data } by their own toJSON when a replacer sees them.
    (_key, value: unknown) =>
      typeof value === 'bigint' ? value.toString() : isBufferJson(value) ? base64Of(value) : value,
  );
  return Buffer.from(json, 'utf8');
}

function isBufferJson(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  );
}

function base64Of(value: { data: number[] }): string {
  return Buffer.from(value.data).toString('base64');
}

/** Reads what `savePermanentState` wrote. @throws KpsimError `tpm_state_invalid` */
export function loadPermanentState(saved: Buffer): PermanentState {
  if (saved.length > MAX_STATE_BYTES) throw invalidState(`it has ${saved.length} bytes`);
  let json: unknown;
  try {
    json = JSON.parse(saved.toString('utf8'));
  } catch {
    // The parser's message may quote what it read, which is secret.
    throw invalidState('it is not JSON');
  }
  const parsed = stateSchema.safeParse(json);
  if (!parsed.success) {
    throw invalidState(parsed.error.issues.map(({ path }) => path.join('.')).join(', '));
  }
  const { version: _version, orderly, savedPcrs, ...rest } = parsed.data;
  return {
    ...rest,
    firmwareVersion: BigInt(rest.firmwareVersion),
    persistent: new Map(rest.persistent),
    nv: new Map(rest.nv),
    primaries: new Map(rest.primaries),
    orderly,
    savedPcrs: savedPcrs === undefined ? undefined : new Map(savedPcrs),
  };
}

function invalidState(what: string): KpsimError {
  return new KpsimError(
    'tpm_state_invalid',
    `The saved TPM state cannot be read (${what}). Restore it from a copy, or manufacture a new TPM.`,
  );
}
