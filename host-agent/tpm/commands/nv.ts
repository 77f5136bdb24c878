import {
  HASH_ALGORITHMS,
  TPMA_NV,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TpmError,
  digestBytes,
  handleRc,
  handleTypeOf,
  nvName,
  parameterRc,
  readNvPublic,
  writeNvPublic,
} from '../../../wire/tpm2/index.js';
import type { CommandCall, CommandHandler } from '../command-call.js';
import { NV_SLOTS } from '../device.js';
import { trimmedAuth } from '../tpm-object.js';

/** Longest data of one index (own choice; an endorsement certificate with an RSA key has about 1,000 bytes). */
const MOST_INDEX_BYTES = 4096;
/** Most bytes of one read or write, TPM_PT_NV_BUFFER_MAX (own choice; as libtpms). */
export const NV_BUFFER_BYTES = 1024;
/** Kinds of index other than plain data (counter, bits, extend, PIN) have a value here. */
const INDEX_TYPE_MASK = 0x000000f0;
const READ_BITS = TPMA_NV.PPREAD | TPMA_NV.OWNERREAD | TPMA_NV.AUTHREAD | TPMA_NV.POLICYREAD;
const WRITE_BITS = TPMA_NV.PPWRITE | TPMA_NV.OWNERWRITE | TPMA_NV.AUTHWRITE | TPMA_NV.POLICYWRITE;
const STATE_BITS = TPMA_NV.WRITTEN | TPMA_NV.WRITELOCKED | TPMA_NV.READLOCKED;

/** TPM2_NV_DefineSpace (TPM 2.0 Part 3 §31.3), for indices of plain data. */
export const nvDefineSpace: CommandHandler = (device, call) => {
  const auth = trimmedAuth(call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes)));
  const publicArea = call.parameter(readNvPublic);
  call.end();
  const byPlatform = call.handle(1) === TPM_RH.PLATFORM;
  if (!byPlatform && call.handle(1) !== TPM_RH.OWNER) throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  const { attributes, nvIndex, nameAlg, dataBytes } = publicArea;
  const has = (bits: number): boolean => (attributes & bits) !== 0;
  if (handleTypeOf(nvIndex) !== TPM_HT.NV_INDEX) throw new TpmError(parameterRc(TPM_RC.VALUE, 2));
  if (auth.length > digestBytes(nameAlg)) throw new TpmError(parameterRc(TPM_RC.SIZE, 1));
  if (has(INDEX_TYPE_MASK) || has(STATE_BITS) || !has(READ_BITS) || !has(WRITE_BITS)) {
    throw new TpmError(parameterRc(TPM_RC.ATTRIBUTES, 2));
  }
  if (has(TPMA_NV.PLATFORMCREATE) !== byPlatform) throw new TpmError(parameterRc(TPM_RC.ATTRIBUTES, 2));
  if (dataBytes > MOST_INDEX_BYTES) throw new TpmError(parameterRc(TPM_RC.SIZE, 2));
  const { nv } = device.permanent;
  if (nv.has(nvIndex)) throw new TpmError(TPM_RC.NV_DEFINED);
  if (nv.size >= NV_SLOTS) throw new TpmError(TPM_RC.NV_SPACE);
  nv.set(nvIndex, { publicArea, authValue: auth, data: Buffer.alloc(dataBytes, 0xff) });
  return {};
};

/** TPM2_NV_UndefineSpace (TPM 2.0 Part 3 §31.4). */
export const nvUndefineSpace: CommandHandler = (device, call) => {
  const { publicArea } = device.nvIndex(call.handle(2), 2);
  call.end();
  const ofPlatform = (publicArea.attributes & TPMA_NV.PLATFORMCREATE) !== 0;
  const byPlatform = call.handle(1) === TPM_RH.PLATFORM;
  if (!byPlatform && (ofPlatform || call.handle(1) !== TPM_RH.OWNER)) {
    throw new TpmError(TPM_RC.NV_AUTHORIZATION);
  }
  if ((publicArea.attributes & TPMA_NV.POLICY_DELETE) !== 0)
    throw new TpmError(handleRc(TPM_RC.ATTRIBUTES, 2));
  device.permanent.nv.delete(call.handle(2));
  return {};
};

/** TPM2_NV_Write (TPM 2.0 Part 3 §31.7). */
export const nvWrite: CommandHandler = (device, call) => {
  const index = device.nvIndex(call.handle(2), 2);
  const data = call.parameter((reader) => reader.sized(NV_BUFFER_BYTES));
  const offset = call.parameter((reader) => reader.u16());
  call.end();
  const { publicArea } = index;
  checkAccess(call, publicArea.attributes, {
    platform: TPMA_NV.PPWRITE,
    owner: TPMA_NV.OWNERWRITE,
  });
  if ((publicArea.attributes & TPMA_NV.WRITELOCKED) !== 0) throw new TpmError(TPM_RC.NV_LOCKED);
  if (offset + data.length > publicArea.dataBytes) throw new TpmError(TPM_RC.NV_RANGE);
  const whole = data.length === publicArea.dataBytes;
  if ((publicArea.attributes & TPMA_NV.WRITEALL) !== 0 && !whole) throw new TpmError(TPM_RC.NV_RANGE);
  const written = Buffer.from(index.data);
  data.copy(written, offset);
  device.permanent.nv.set(call.handle(2), {
    ...index,
    publicArea: { ...publicArea, attributes: (publicArea.attributes | TPMA_NV.WRITTEN) >>> 0 },
    data: written,
  });
  return {};
};

/** TPM2_NV_Read (TPM 2.0 Part 3 §31.13). */
export const nvRead: CommandHandler = (device, call) => {
  const { publicArea, data } = device.nvIndex(call.handle(2), 2);
  const size = call.parameter((reader) => {
    const value = reader.u16();
    if (value > NV_BUFFER_BYTES) throw new TpmError(TPM_RC.VALUE);
    return value;
  });
  const offset = call.parameter((reader) => reader.u16());
  call.end();
  checkAccess(call, publicArea.attributes, {
    platform: TPMA_NV.PPREAD,
    owner: TPMA_NV.OWNERREAD,
  });
  if ((publicArea.attributes & TPMA_NV.READLOCKED) !== 0) throw new TpmError(TPM_RC.NV_LOCKED);
  if ((publicArea.attributes & TPMA_NV.WRITTEN) === 0) throw new TpmError(TPM_RC.NV_UNINITIALIZED);
  if (offset + size > publicArea.dataBytes) throw new TpmError(TPM_RC.NV_RANGE);
  return { parameters: (writer) => writer.sized(data.subarray(offset, offset + size)) };
};

/** TPM2_NV_ReadPublic (TPM 2.0 Part 3 §31.6). */
export const nvReadPublic: CommandHandler = (device, call) => {
  const { publicArea } = device.nvIndex(call.handle(1), 1);
  call.end();
  return {
    parameters: (writer) => {
      writeNvPublic(writer, publicArea);
      writer.sized(nvName(publicArea));
    },
  };
};

/**
 * Whether owner or platform may do this; whether the index itself may, `checkAuthorizations` has found out.
 *
 * @throws TpmError TPM_RC_NV_AUTHORIZATION
 */
function checkAccess(
  call: CommandCall,
  attributes: number,
  bits: { readonly platform: number; readonly owner: number },
): void {
  const authority = call.handle(1);
  if (authority === call.handle(2)) return;
  const needed =
    authority === TPM_RH.PLATFORM ? bits.platform : authority === TPM_RH.OWNER ? bits.owner : 0;
  if ((attributes & needed) === 0) throw new TpmError(TPM_RC.NV_AUTHORIZATION);
}
