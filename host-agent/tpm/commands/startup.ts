import { TPM_RC, TPM_SU, TpmError, parameterRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_Startup (TPM 2.0 Part 3 §9.3): a reset, a restart (CLEAR after STATE) or a resume (STATE after STATE). */
export const startup: CommandHandler = (device, call) => {
  const startupType = call.parameter((reader) => {
    const type = reader.u16();
    if (type !== TPM_SU.CLEAR && type !== TPM_SU.STATE) throw new TpmError(TPM_RC.VALUE);
    return type;
  });
  call.end();
  const { permanent } = device;
  const { orderly, savedPcrs } = permanent;
  const resume = startupType === TPM_SU.STATE;
  if (resume && (orderly !== 'STATE' || savedPcrs === undefined)) {
    throw new TpmError(parameterRc(TPM_RC.VALUE, 1));
  }
  // Locality 4 is for a measurement of the hardware itself, which kpsim does not make.
  if (device.locality !== 0 && device.locality !== 3) throw new TpmError(TPM_RC.LOCALITY);
  device.resetPcrs();
  if (resume && savedPcrs !== undefined) device.resumePcrs(savedPcrs);
  if (orderly === 'STATE') permanent.restartCount += 1;
  else {
    permanent.resetCount += 1;
    permanent.restartCount = 0;
  }
  // After a loss of power the clock may have been reported higher than it is now.
  device.clockSafe = orderly !== undefined || permanent.clockMs === 0;
  permanent.orderly = undefined;
  permanent.savedPcrs = undefined;
  device.started = true;
  return {};
};
