import {
  MAX_ENCRYPTED_SECRET_BYTES,
  TPM_RC,
  TpmError,
  decodeWhole,
  digestBytes,
  handleRc,
  receiveSeed,
  unprotect,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';

const MAX_ID_OBJECT_BYTES = 256;

/** TPM2_ActivateCredential (TPM 2.0 Part 3 §12.5): opens a credential if both its keys are in this TPM. */
export const activateCredential: CommandHandler = (device, call) => {
  const activated = device.object(call.handle(1), 1);
  const key = device.object(call.handle(2), 2);
  const idObject = call.parameter((reader) => reader.sized(MAX_ID_OBJECT_BYTES));
  const encryptedSecret = call.parameter((reader) => reader.sized(MAX_ENCRYPTED_SECRET_BYTES));
  call.end();
  if (!key.isStorageKey) throw new TpmError(handleRc(TPM_RC.TYPE, 2));
  const { publicArea } = key;
  if (publicArea.type === 'KEYEDHASH' || publicArea.symmetric === undefined) {
    throw new TpmError(handleRc(TPM_RC.TYPE, 2));
  }
  const { symmetric, nameAlg } = publicArea;
  const seed = inParameter(2, () => receiveSeed(publicArea, key.privateKey, 'IDENTITY', encryptedSecret));
  const certInfo = inParameter(1, () => {
    const plain = unprotect({ hashAlg: nameAlg, seed, symmetric, name: activated.name }, idObject, false);
    return decodeWhole('credential', plain, (reader) => reader.sized(digestBytes(nameAlg)));
  });
  return { parameters: (writer) => writer.sized(certInfo) };
};
