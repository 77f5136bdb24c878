import {
  decodeWhole,
  objectName,
  readSensitive,
  readTpm2bPublic,
  unprotect,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import { TpmObject } from '../tpm-object.js';
import { parentProtection, storageParent } from './create.js';

const MAX_PRIVATE_BYTES = 2048;

/** TPM2_Load (TPM 2.0 Part 3 §12.2). */
export const load: CommandHandler = (device, call) => {
  const parent = storageParent(device, call.handle(1));
  const inPrivate = call.parameter((reader) => reader.sized(MAX_PRIVATE_BYTES));
  const publicArea = call.parameter(readTpm2bPublic);
  call.end();
  device.requireTransientSlot();
  const sensitive = inParameter(1, () => {
    const plain = unprotect(parentProtection(parent, objectName(publicArea)), inPrivate, true);
    return decodeWhole('TPM2B_SENSITIVE', plain, (reader) =>
      reader.sizedStructure(MAX_PRIVATE_BYTES, readSensitive),
    );
  });
  const object = new TpmObject(publicArea, sensitive, parent.hierarchy, parent.qualifiedName);
  // Making the private key ready checks that both parts belong together.
  if (publicArea.type !== 'KEYEDHASH') inParameter(2, () => object.privateKey);
  return { handle: device.addTransient(object), parameters: (writer) => writer.sized(object.name) };
};
