import {
  TPMA_OBJECT,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TpmError,
  handleRc,
  handleTypeOf,
  parameterRc,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { PERSISTENT_SLOTS, storeObject } from '../device.js';

const OWNER_RANGE = { first: 0x81000000, last: 0x817fffff };
const PLATFORM_RANGE = { first: 0x81800000, last: 0x81ffffff };

/** TPM2_EvictControl (TPM 2.0 Part 3 §28.5): makes a transient object persistent, or a persistent one go. */
export const evictControl: CommandHandler = (device, call) => {
  const auth = call.handle(1);
  const object = device.object(call.handle(2), 2);
  const persistentHandle = call.parameter((reader) => reader.u32());
  call.end();
  if (auth !== TPM_RH.OWNER && auth !== TPM_RH.PLATFORM) throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  const range = auth === TPM_RH.OWNER ? OWNER_RANGE : PLATFORM_RANGE;
  if (persistentHandle < range.first || persistentHandle > range.last) {
    throw new TpmError(parameterRc(TPM_RC.RANGE, 1));
  }
  if (handleTypeOf(call.handle(2)) === TPM_HT.PERSISTENT) {
    if (call.handle(2) !== persistentHandle) throw new TpmError(handleRc(TPM_RC.HANDLE, 2));
    device.evictPersistent(persistentHandle);
    return {};
  }
  const isPlatform = object.hierarchy === TPM_RH.PLATFORM;
  if (object.hierarchy === TPM_RH.NULL || isPlatform !== (auth === TPM_RH.PLATFORM)) {
    throw new TpmError(handleRc(TPM_RC.HIERARCHY, 2));
  }
  if (object.sensitive === undefined || object.has(TPMA_OBJECT.ST_CLEAR)) {
    throw new TpmError(handleRc(TPM_RC.ATTRIBUTES, 2));
  }
  const { persistent } = device.permanent;
  if (persistent.has(persistentHandle)) throw new TpmError(TPM_RC.NV_DEFINED);
  if (persistent.size >= PERSISTENT_SLOTS) throw new TpmError(TPM_RC.NV_SPACE);
  persistent.set(persistentHandle, storeObject(object));
  return {};
};
