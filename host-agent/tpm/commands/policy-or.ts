import { TPM_RC, TpmError, parameterRc, readDigests } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { extendPolicy, policySession } from '../policy.js';

const FEWEST = 2;

/** TPM2_PolicyOR (TPM 2.0 Part 3 §23.6): the policy so far is one of several. */
export const policyOr: CommandHandler = (device, call) => {
  const session = policySession(device, call.handle(1), 1);
  const digests = call.parameter((reader) => {
    const list = readDigests(reader);
    if (list.length < FEWEST) throw new TpmError(TPM_RC.VALUE);
    return list;
  });
  call.end();
  if (session.type !== 'TRIAL' && !digests.some((digest) => digest.equals(session.policyDigest))) {
    throw new TpmError(parameterRc(TPM_RC.VALUE, 1));
  }
  session.policyDigest = Buffer.alloc(session.policyDigest.length);
  extendPolicy(session, 'PolicyOR', Buffer.concat(digests));
  return {};
};
