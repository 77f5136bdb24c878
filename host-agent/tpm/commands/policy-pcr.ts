import {
  HASH_ALGORITHMS,
  TPM_RC,
  TpmError,
  parameterRc,
  readPcrSelections,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { encodedSelections } from '../object-creation.js';
import { extendPolicy, policyHash, policySession } from '../policy.js';

/** TPM2_PolicyPCR (TPM 2.0 Part 3 §23.7): the policy demands PCR values. */
export const policyPcr: CommandHandler = (device, call) => {
  const session = policySession(device, call.handle(1), 1);
  const expected = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const selections = device.availablePcrs(call.parameter(readPcrSelections));
  call.end();
  const digest = policyHash(session, ...device.selectedPcrValues(selections));
  if (session.type !== 'TRIAL') {
    if (session.pcrUpdateCounter !== undefined && session.pcrUpdateCounter !== device.pcrUpdateCounter) {
      throw new TpmError(TPM_RC.PCR_CHANGED);
    }
    if (expected.length !== 0 && !expected.equals(digest)) throw new TpmError(parameterRc(TPM_RC.VALUE, 1));
    session.pcrUpdateCounter = device.pcrUpdateCounter;
  }
  const agreed = session.type === 'TRIAL' && expected.length !== 0 ? expected : digest;
  extendPolicy(session, 'PolicyPCR', Buffer.concat([encodedSelections(selections), agreed]));
  return {};
};
