import { TPMA_OBJECT, TPM_RC, TpmError, handleRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_Unseal (TPM 2.0 Part 3 §12.7). */
export const unseal: CommandHandler = (device, call) => {
  const object = device.object(call.handle(1), 1);
  call.end();
  const isData = object.publicArea.type === 'KEYEDHASH' && !object.has(TPMA_OBJECT.SIGN);
  if (!isData) throw new TpmError(handleRc(TPM_RC.TYPE, 1));
  const { sensitive } = object;
  if (sensitive === undefined) throw new TpmError(handleRc(TPM_RC.ATTRIBUTES, 1));
  return { parameters: (writer) => writer.sized(sensitive.sensitive) };
};
