import { TPM_RC, TPM_SU, TpmError } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_Shutdown (TPM 2.0 Part 3 §9.4): makes the next loss of power an orderly one. */
export const shutdown: CommandHandler = (device, call) => {
  const shutdownType = call.parameter((reader) => {
    const type = reader.u16();
    if (type !== TPM_SU.CLEAR && type !== TPM_SU.STATE) throw new TpmError(TPM_RC.VALUE);
    return type;
  });
  call.end();
  const { permanent } = device;
  permanent.orderly = shutdownType === TPM_SU.STATE ? 'STATE' : 'CLEAR';
  permanent.savedPcrs =
    shutdownType === TPM_SU.STATE
      ? new Map([...device.pcrs].map(([bank, values]) => [bank, [...values]]))
      : undefined;
  device.keepClock();
  return {};
};
