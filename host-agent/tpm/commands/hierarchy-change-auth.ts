import { HASH_ALGORITHMS, TPM_RC, TPM_RH, TpmError, handleRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { trimmedAuth } from '../tpm-object.js';

/** TPM2_HierarchyChangeAuth (TPM 2.0 Part 3 §24.8). */
export const hierarchyChangeAuth: CommandHandler = (device, call) => {
  const newAuth = trimmedAuth(call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes)));
  call.end();
  const { auths } = device.permanent;
  switch (call.handle(1)) {
    case TPM_RH.OWNER:
      auths.OWNER = newAuth;
      return {};
    case TPM_RH.ENDORSEMENT:
      auths.ENDORSEMENT = newAuth;
      return {};
    case TPM_RH.LOCKOUT:
      auths.LOCKOUT = newAuth;
      return {};
    case TPM_RH.PLATFORM:
      device.platformAuth = newAuth;
      return {};
    default:
      throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  }
};
