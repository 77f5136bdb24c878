import {
  HASH_ALGORITHMS,
  MAX_FRAME_BYTES,
  PCR_COUNT,
  TPM_ALG,
  TPM_CC,
  TPM_PT,
} from '../../wire/tpm2/index.js';
import {
  LOCKOUT_INTERVAL_SECONDS,
  MAX_AUTH_FAILURES,
  PERSISTENT_SLOTS,
  SESSION_SLOTS,
  TRANSIENT_SLOTS,
} from './device.js';
import type { TpmDevice } from './device.js';

const NV_BUFFER_BYTES = 1024;

/** Four characters as one number, as TPM properties have text. */
function fourCharacters(text: string): number {
  return Buffer.from(text.padEnd(4, '\0').slice(0, 4), 'latin1').readUInt32BE(0);
}

/** The properties of this TPM by TPM_PT, ascending (TPM 2.0 Part 2 §6.13). */
export function tpmProperties(device: TpmDevice): Map<number, number> {
  const { permanent } = device;
  const commands = Object.keys(TPM_CC).length;
  return new Map<number, number>([
    [TPM_PT.FAMILY_INDICATOR, fourCharacters('2.0')],
    [TPM_PT.LEVEL, 0],
    [TPM_PT.REVISION, 138],
    [TPM_PT.DAY_OF_YEAR, 1],
    [TPM_PT.YEAR, 2024],
    [TPM_PT.MANUFACTURER, fourCharacters(permanent.manufacturer)],
    [TPM_PT.VENDOR_STRING_1, fourCharacters('kpsi')],
    [TPM_PT.VENDOR_STRING_2, fourCharacters('m')],
    [TPM_PT.VENDOR_STRING_3, 0],
    [TPM_PT.VENDOR_STRING_4, 0],
    [TPM_PT.VENDOR_TPM_TYPE, 1],
    [TPM_PT.FIRMWARE_VERSION_1, Number(permanent.firmwareVersion >> 32n)],
    [TPM_PT.FIRMWARE_VERSION_2, Number(BigInt.asUintN(32, permanent.firmwareVersion))],
    [TPM_PT.INPUT_BUFFER, 1024],
    [TPM_PT.HR_TRANSIENT_MIN, TRANSIENT_SLOTS],
    [TPM_PT.HR_PERSISTENT_MIN, PERSISTENT_SLOTS],
    [TPM_PT.HR_LOADED_MIN, TRANSIENT_SLOTS],
    [TPM_PT.ACTIVE_SESSIONS_MAX, SESSION_SLOTS],
    [TPM_PT.PCR_COUNT, PCR_COUNT],
    [TPM_PT.PCR_SELECT_MIN, PCR_COUNT / 8],
    [TPM_PT.CONTEXT_GAP_MAX, 0xffffffff],
    [TPM_PT.CONTEXT_HASH, HASH_ALGORITHMS.SHA256.id],
    [TPM_PT.CONTEXT_SYM, TPM_ALG.AES],
    [TPM_PT.CONTEXT_SYM_SIZE, 128],
    [TPM_PT.MAX_COMMAND_SIZE, MAX_FRAME_BYTES],
    [TPM_PT.MAX_RESPONSE_SIZE, MAX_FRAME_BYTES],
    [TPM_PT.MAX_DIGEST, HASH_ALGORITHMS.SHA512.digestBytes],
    [TPM_PT.TOTAL_COMMANDS, commands],
    [TPM_PT.LIBRARY_COMMANDS, commands],
    [TPM_PT.VENDOR_COMMANDS, 0],
    [TPM_PT.NV_BUFFER_MAX, NV_BUFFER_BYTES],
    [TPM_PT.PERMANENT, permanentFlags(device)],
    [TPM_PT.STARTUP_CLEAR, 0x80000007],
    [TPM_PT.HR_NV_INDEX, permanent.nv.size],
    [TPM_PT.HR_LOADED, device.sessions.size],
    [TPM_PT.HR_LOADED_AVAIL, SESSION_SLOTS - device.sessions.size],
    [TPM_PT.HR_ACTIVE, device.sessions.size + device.savedSessions.size],
    [TPM_PT.HR_ACTIVE_AVAIL, SESSION_SLOTS - device.sessions.size],
    [TPM_PT.HR_TRANSIENT_AVAIL, TRANSIENT_SLOTS - device.transient.size],
    [TPM_PT.HR_PERSISTENT, permanent.persistent.size],
    [TPM_PT.HR_PERSISTENT_AVAIL, PERSISTENT_SLOTS - permanent.persistent.size],
    [TPM_PT.LOCKOUT_COUNTER, permanent.failedTries],
    [TPM_PT.MAX_AUTH_FAIL, MAX_AUTH_FAILURES],
    [TPM_PT.LOCKOUT_INTERVAL, LOCKOUT_INTERVAL_SECONDS],
    [TPM_PT.LOCKOUT_RECOVERY, 0],
  ]);
}

/** TPMA_PERMANENT (TPM 2.0 Part 2 §8.6): which authorizations are set, whether the lockout is on. */
function permanentFlags(device: TpmDevice): number {
  const { auths } = device.permanent;
  return (
    (auths.OWNER.length > 0 ? 0x001 : 0) |
    (auths.ENDORSEMENT.length > 0 ? 0x002 : 0) |
    (auths.LOCKOUT.length > 0 ? 0x004 : 0) |
    (device.inLockout ? 0x200 : 0)
  );
}
