import { TPM_RC, TpmError, parameterRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';

/** TPM2_FlushContext (TPM 2.0 Part 3 §28.4): frees a transient object or a session. */
export const flushContext: CommandHandler = (device, call) => {
  const handle = call.parameter((reader) => reader.u32());
  call.end();
  const object = device.transient.get(handle);
  if (object !== undefined) {
    device.transient.delete(handle);
    object.destroy();
    return {};
  }
  const session = device.sessions.get(handle);
  const saved = device.savedSessions.delete(handle);
  if (session === undefined && !saved) throw new TpmError(parameterRc(TPM_RC.HANDLE, 1));
  session?.sessionKey.fill(0);
  device.sessions.delete(handle);
  return {};
};
