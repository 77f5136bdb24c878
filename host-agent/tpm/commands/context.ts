import { randomBytes } from 'node:crypto';
import {
  TPMA_OBJECT,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TpmError,
  encodeWhole,
  handleTypeOf,
  parameterRc,
  protect,
  unprotect,
} from '../../../wire/tpm2/index.js';
import type { Protection } from '../../../wire/tpm2/index.js';
import { inParameter } from '../command-call.js';
import type { CommandHandler } from '../command-call.js';
import {
  decodeObjectContext,
  decodeSessionContext,
  encodeObjectContext,
  encodeSessionContext,
} from '../context-blob.js';
import type { TpmDevice } from '../device.js';

const MAX_CONTEXT_BYTES = 2048;
const IV_BYTES = 16;
/** savedHandle of an ordinary transient object, and of one with stClear (TPM 2.0 Part 2 §14.5). */
const SAVED_OBJECT = 0x80000000;
const SAVED_STCLEAR_OBJECT = 0x80000002;

/** Contexts are protected by a secret that is lost with the power, so none outlives it. */
function contextProtection(
  device: TpmDevice,
  sequence: bigint,
  savedHandle: number,
  hierarchy: number,
): Protection {
  return {
    hashAlg: 'SHA256',
    seed: device.nullProof,
    symmetric: { algorithm: 'AES', keyBits: 128, mode: 'CFB' },
    name: encodeWhole((writer) => writer.u64(sequence).u32(savedHandle).u32(hierarchy)),
  };
}

/** TPM2_ContextSave (TPM 2.0 Part 3 §28.2): a copy of an object, or a session itself, to be kept outside. */
export const contextSave: CommandHandler = (device, call) => {
  const handle = call.handle(1);
  call.end();
  const session = device.sessions.get(handle);
  const object = session === undefined ? device.object(handle, 1) : undefined;
  if (object !== undefined && handleTypeOf(handle) !== TPM_HT.TRANSIENT)
    throw new TpmError(TPM_RC.HANDLE | 0x100);
  device.contextSequence += 1n;
  const sequence = device.contextSequence;
  const hierarchy = object?.hierarchy ?? TPM_RH.NULL;
  const savedHandle =
    object === undefined ? handle : object.has(TPMA_OBJECT.ST_CLEAR) ? SAVED_STCLEAR_OBJECT : SAVED_OBJECT;
  const plain =
    session === undefined ? encodeObjectContext(device.object(handle, 1)) : encodeSessionContext(session);
  const blob = protect(
    contextProtection(device, sequence, savedHandle, hierarchy),
    plain,
    randomBytes(IV_BYTES),
  );
  if (session !== undefined) {
    device.sessions.delete(handle);
    device.savedSessions.set(handle, sequence);
  }
  return { parameters: (writer) => writer.u64(sequence).u32(savedHandle).u32(hierarchy).sized(blob) };
};

/** TPM2_ContextLoad (TPM 2.0 Part 3 §28.3): an object as often as wanted, a session once. */
export const contextLoad: CommandHandler = (device, call) => {
  const context = call.parameter((reader) => ({
    sequence: reader.u64(),
    savedHandle: reader.u32(),
    hierarchy: reader.u32(),
    blob: reader.sized(MAX_CONTEXT_BYTES),
  }));
  call.end();
  const { sequence, savedHandle, hierarchy, blob } = context;
  const plain = inParameter(1, () =>
    unprotect(contextProtection(device, sequence, savedHandle, hierarchy), blob, true),
  );
  if (savedHandle === SAVED_OBJECT || savedHandle === SAVED_STCLEAR_OBJECT) {
    return { handle: device.addTransient(decodeObjectContext(plain, hierarchy)) };
  }
  if (device.savedSessions.get(savedHandle) !== sequence) throw new TpmError(parameterRc(TPM_RC.HANDLE, 1));
  device.sessions.set(savedHandle, decodeSessionContext(plain, savedHandle));
  device.savedSessions.delete(savedHandle);
  return { handle: savedHandle };
};
