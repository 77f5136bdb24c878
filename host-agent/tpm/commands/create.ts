import { randomBytes } from 'node:crypto';
import { zeroise } from '../../../core/secret.js';
import {
  MAX_DATA_BYTES,
  TPMA_OBJECT,
  TPM_RC,
  TpmError,
  encodeWhole,
  handleRc,
  objectName,
  protect,
  readPcrSelections,
  readSensitiveCreate,
  readTpm2bPublic,
  writeSensitive,
  writeTicket,
  writeTpmtPublic,
} from '../../../wire/tpm2/index.js';
import type { Protection } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import type { TpmDevice } from '../device.js';
import { RANDOM_KEYS, checkTemplate, createObject, creationRecord } from '../object-creation.js';
import type { TpmObject } from '../tpm-object.js';

const IV_BYTES = 16;

/** TPM2_Create (TPM 2.0 Part 3 §12.1): a new object under a storage key; it must be loaded before use. */
export const create: CommandHandler = (device, call) => {
  const parent = storageParent(device, call.handle(1));
  const sensitiveCreate = call.parameter(readSensitiveCreate);
  const template = call.parameter(readTpm2bPublic);
  const outsideInfo = call.parameter((reader) => reader.sized(MAX_DATA_BYTES));
  const creationPcrs = call.parameter(readPcrSelections);
  call.end();
  inParameter(2, () => {
    checkTemplate(template, sensitiveCreate, parent.has(TPMA_OBJECT.FIXED_TPM));
  });
  const { publicArea, sensitive } = inParameter(1, () =>
    createObject(template, sensitiveCreate, RANDOM_KEYS),
  );
  const name = objectName(publicArea);
  const outPrivate = protect(
    parentProtection(parent, name),
    encodeWhole((writer) =>
      writer.sizedStructure((inner) => {
        writeSensitive(inner, sensitive);
      }),
    ),
    randomBytes(IV_BYTES),
  );
  zeroise(sensitive.authValue, sensitive.seedValue, sensitive.sensitive);
  const record = creationRecord(
    device,
    { publicArea, name },
    {
      nameAlg: parent.publicArea.nameAlg,
      name: parent.name,
      qualifiedName: parent.qualifiedName,
      hierarchy: parent.hierarchy,
    },
    outsideInfo,
    creationPcrs,
  );
  return {
    parameters: (writer) => {
      writer
        .sized(outPrivate)
        .sizedStructure((inner) => {
          writeTpmtPublic(inner, publicArea);
        })
        .sized(record.creationData)
        .sized(record.creationHash);
      writeTicket(writer, record.ticket);
    },
  };
};

/** The storage key at the first handle. @throws TpmError TPM_RC_TYPE if it is none */
export function storageParent(device: TpmDevice, handle: number): TpmObject {
  const parent = device.object(handle, 1);
  if (!parent.isStorageKey || parent.sensitive === undefined) throw new TpmError(handleRc(TPM_RC.TYPE, 1));
  return parent;
}

/** How a storage key protects a child of this name (TPM 2.0 Part 1 §23.3). */
export function parentProtection(parent: TpmObject, name: Buffer): Protection {
  const { publicArea, sensitive } = parent;
  if (publicArea.type === 'KEYEDHASH' || publicArea.symmetric === undefined || sensitive === undefined) {
    throw new TpmError(handleRc(TPM_RC.TYPE, 1));
  }
  return { hashAlg: publicArea.nameAlg, seed: sensitive.seedValue, symmetric: publicArea.symmetric, name };
}
