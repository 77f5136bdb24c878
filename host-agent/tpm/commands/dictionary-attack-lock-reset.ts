import { TPM_RC, TPM_RH, TpmError, handleRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_DictionaryAttackLockReset (TPM 2.0 Part 3 §25.2): ends the lockout. */
export const dictionaryAttackLockReset: CommandHandler = (device, call) => {
  call.end();
  if (call.handle(1) !== TPM_RH.LOCKOUT) throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  device.permanent.failedTries = 0;
  return {};
};
