import { createHash } from 'node:crypto';
import {
  MAX_DATA_BYTES,
  TPM_RC,
  TPM_RH,
  TpmError,
  digestBytes,
  readPcrSelections,
  readSensitiveCreate,
  readTpm2bPublic,
  writeTicket,
  writeTpmtPublic,
} from '../../../wire/tpm2/index.js';
import type { SensitiveCreate, TpmtPublic } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inHandle, inParameter } from '../command-call.js';
import { restoreObject, storeObject } from '../device.js';
import type { TpmDevice } from '../device.js';
import {
  checkTemplate,
  createObject,
  creationRecord,
  keysFromSeed,
  templateDigest,
} from '../object-creation.js';
import { TpmObject, trimmedAuth } from '../tpm-object.js';

/** Primary RSA objects that are kept so that they need not be derived again. */
const MOST_KEPT_PRIMARIES = 16;

/** TPM2_CreatePrimary (TPM 2.0 Part 3 §24.1): the same template gives the same key as long as the seed of the hierarchy lasts. */
export const createPrimary: CommandHandler = (device, call) => {
  const hierarchy = call.handle(1);
  const create = call.parameter(readSensitiveCreate);
  const template = call.parameter(readTpm2bPublic);
  const outsideInfo = call.parameter((reader) => reader.sized(MAX_DATA_BYTES));
  const creationPcrs = call.parameter(readPcrSelections);
  call.end();
  inParameter(2, () => {
    checkTemplate(template, create, true);
  });
  device.requireTransientSlot();
  const object = inParameter(1, () => primaryObject(device, hierarchy, template, create));
  const hierarchyName = device.entityName(hierarchy, 1);
  const parent = { nameAlg: undefined, name: hierarchyName, qualifiedName: hierarchyName, hierarchy };
  const record = creationRecord(device, object, parent, outsideInfo, creationPcrs);
  return {
    handle: device.addTransient(object),
    parameters: (writer) => {
      writer
        .sizedStructure((inner) => {
          writeTpmtPublic(inner, object.publicArea);
        })
        .sized(record.creationData)
        .sized(record.creationHash);
      writeTicket(writer, record.ticket);
      writer.sized(object.name);
    },
  };
};

function primaryObject(
  device: TpmDevice,
  hierarchy: number,
  template: TpmtPublic,
  create: SensitiveCreate,
): TpmObject {
  const { seed } = inHandle(1, () => device.hierarchySecrets(hierarchy));
  const digest = templateDigest(template, create.data);
  const { primaries } = device.permanent;
  const keptAs =
    template.type === 'RSA' && hierarchy !== TPM_RH.NULL ? primaryKey(hierarchy, digest) : undefined;
  const kept = keptAs === undefined ? undefined : primaries.get(keptAs);
  if (kept !== undefined) return withAuth(restoreObject(kept), create);
  const { publicArea, sensitive } = createObject(template, create, keysFromSeed(seed, digest));
  const object = new TpmObject(publicArea, sensitive, hierarchy, device.entityName(hierarchy, 1));
  if (keptAs !== undefined && primaries.size < MOST_KEPT_PRIMARIES) {
    primaries.set(keptAs, storeObject(object));
  }
  return object;
}

/** The authorization value does not belong to the key: it may be another one each time. */
function withAuth(object: TpmObject, create: SensitiveCreate): TpmObject {
  const { publicArea, sensitive, hierarchy, parentQualifiedName } = object;
  if (sensitive === undefined) return object;
  const authValue = trimmedAuth(create.userAuth);
  if (authValue.length > digestBytes(publicArea.nameAlg)) throw new TpmError(TPM_RC.SIZE);
  return new TpmObject(publicArea, { ...sensitive, authValue }, hierarchy, parentQualifiedName);
}

/** Under what a derived primary object is kept. @param digest see `templateDigest` */
export function primaryKey(hierarchy: number, digest: Buffer): string {
  return createHash('sha256').update(`${hierarchy}:`).update(digest).digest('hex');
}
