import {
  HASH_ALGORITHMS,
  MAX_NAME_BYTES,
  TPM_RC,
  TpmError,
  handleRc,
  makeCredential,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';

/** TPM2_MakeCredential (TPM 2.0 Part 3 §12.6). */
export const makeCredentialCommand: CommandHandler = (device, call) => {
  const key = device.object(call.handle(1), 1);
  const secret = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const name = call.parameter((reader) => reader.sized(MAX_NAME_BYTES));
  call.end();
  if (!key.isStorageKey) throw new TpmError(handleRc(TPM_RC.TYPE, 1));
  const credential = inParameter(1, () =>
    makeCredential({ ekPublic: key.publicArea, objectName: name, secret }),
  );
  return {
    parameters: (writer) => writer.sized(credential.idObject).sized(credential.encryptedSecret),
  };
};
