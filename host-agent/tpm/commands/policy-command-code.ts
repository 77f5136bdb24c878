import { TPM_RC, TpmError, commandNameOf, parameterRc } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { extendPolicy, policySession } from '../policy.js';

/** TPM2_PolicyCommandCode (TPM 2.0 Part 3 §23.11): the policy is limited to one command. */
export const policyCommandCode: CommandHandler = (device, call) => {
  const session = policySession(device, call.handle(1), 1);
  const code = call.parameter((reader) => reader.bytes(4));
  call.end();
  const command = commandNameOf(code.readUInt32BE(0));
  if (command === undefined) throw new TpmError(parameterRc(TPM_RC.POLICY_CC, 1));
  if (session.policyCommand !== undefined && session.policyCommand !== command) {
    throw new TpmError(parameterRc(TPM_RC.VALUE, 1));
  }
  extendPolicy(session, 'PolicyCommandCode', code);
  session.policyCommand = command;
  return {};
};
