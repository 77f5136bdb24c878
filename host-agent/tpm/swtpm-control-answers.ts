import { KpsimError } from '../../core/errors.js';
import type { SoftwareTpm } from './software-tpm.js';
import {
  MAX_SWTPM_STATE_BYTES,
  SWTPM_CAPABILITY,
  SWTPM_REQUEST_BYTES,
  SWTPM_RESULT,
  SWTPM_STATE,
} from './swtpm-control.js';
import type { SwtpmControlName } from './swtpm-control.js';

const CODE_BYTES = 4;
const HIGHEST_LOCALITY = 4;

/**
 * Length of a whole request, with its command.
 *
 * @param received begins with the command
 * @returns undefined until enough is there to tell
 */
export function controlRequestBytes(
  name: SwtpmControlName,
  received: Buffer,
): number | 'too long' | undefined {
  const fixed = CODE_BYTES + SWTPM_REQUEST_BYTES[name];
  if (name !== 'SET_STATEBLOB') return fixed;
  if (received.length < fixed) return undefined;
  const blobBytes = received.readUInt32BE(fixed - 4);
  return blobBytes > MAX_SWTPM_STATE_BYTES ? 'too long' : fixed + blobBytes;
}

/** Carries a control command out on a software TPM as swtpm does on its own. @returns the whole answer */
export function answerControl(tpm: SoftwareTpm, name: SwtpmControlName, request: Buffer): Buffer {
  return ANSWERS[name](tpm, request);
}

const ANSWERS: Readonly<Record<SwtpmControlName, (tpm: SoftwareTpm, request: Buffer) => Buffer>> = {
  GET_CAPABILITY: () => {
    const bits = Object.values(SWTPM_CAPABILITY).reduce((all, bit) => all | bit, 0n);
    const answer = Buffer.alloc(8);
    answer.writeBigUInt64BE(bits, 0);
    return answer;
  },
  INIT: (tpm) => {
    tpm.reset();
    return words(SWTPM_RESULT.SUCCESS);
  },
  STOP: powerOff,
  SHUTDOWN: powerOff,
  SET_LOCALITY: (tpm, request) => {
    const locality = request.readUInt8(0);
    if (locality > HIGHEST_LOCALITY) return words(SWTPM_RESULT.BAD_LOCALITY);
    tpm.setLocality(locality);
    return words(SWTPM_RESULT.SUCCESS);
  },
  GET_STATEBLOB: (tpm, request) => {
    if (!tpm.powered) return words(SWTPM_RESULT.BAD_ORDINAL);
    // What TPM2_Shutdown(STATE) saves is part of the permanent state here; there is no other.
    if (request.readUInt32BE(4) !== SWTPM_STATE.permanent) return words(SWTPM_RESULT.NO_STATE, 0, 0, 0);
    const state = tpm.saveState();
    const rest = state.subarray(Math.min(request.readUInt32BE(8), state.length));
    const answer = Buffer.concat([words(SWTPM_RESULT.SUCCESS, 0, rest.length, rest.length), rest]);
    state.fill(0);
    return answer;
  },
  SET_STATEBLOB: (tpm, request) => {
    if (tpm.powered) return words(SWTPM_RESULT.BAD_ORDINAL);
    const blob = request.subarray(SWTPM_REQUEST_BYTES.SET_STATEBLOB);
    if (request.readUInt32BE(4) !== SWTPM_STATE.permanent) {
      return words(blob.length === 0 ? SWTPM_RESULT.SUCCESS : SWTPM_RESULT.BAD_PARAMETER);
    }
    try {
      tpm.restoreState(Buffer.from(blob));
      return words(SWTPM_RESULT.SUCCESS);
    } catch (error) {
      if (!(error instanceof KpsimError)) throw error;
      return words(SWTPM_RESULT.BAD_PARAMETER);
    }
  },
};

function powerOff(tpm: SoftwareTpm): Buffer {
  tpm.powerOff();
  return words(SWTPM_RESULT.SUCCESS);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}
