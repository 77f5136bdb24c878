import {
  TPMA_OBJECT,
  TPM_RC,
  TPM_RH,
  TpmError,
  decodeWhole,
  publicKeyOf,
  readSensitive,
  readTpm2bPublic,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import { TpmObject } from '../tpm-object.js';

const MAX_SENSITIVE_BYTES = 1024;
const KEPT_HERE = [TPMA_OBJECT.FIXED_TPM, TPMA_OBJECT.FIXED_PARENT, TPMA_OBJECT.RESTRICTED];

/** TPM2_LoadExternal (TPM 2.0 Part 3 §12.3): a public key, or a whole key in the null hierarchy. */
export const loadExternal: CommandHandler = (device, call) => {
  const sensitive = call.parameter((reader) => {
    const bytes = reader.sized(MAX_SENSITIVE_BYTES);
    return bytes.length === 0 ? undefined : decodeWhole('TPM2B_SENSITIVE', bytes, readSensitive);
  });
  const publicArea = call.parameter(readTpm2bPublic);
  const hierarchy = call.parameter((reader) => reader.u32());
  call.end();
  inParameter(3, () => {
    device.hierarchySecrets(hierarchy);
    if (sensitive !== undefined && hierarchy !== TPM_RH.NULL) throw new TpmError(TPM_RC.HIERARCHY);
  });
  inParameter(2, () => {
    const bound = KEPT_HERE.some((bit) => (publicArea.objectAttributes & bit) !== 0);
    if (sensitive !== undefined && bound) throw new TpmError(TPM_RC.ATTRIBUTES);
  });
  device.requireTransientSlot();
  const hierarchyName = device.entityName(hierarchy, 1);
  const object = new TpmObject(publicArea, sensitive, hierarchy, hierarchyName);
  inParameter(2, () => {
    if (publicArea.type === 'KEYEDHASH') return;
    if (sensitive === undefined) publicKeyOf(publicArea);
    else object.privateKey.asymmetricKeyType satisfies string | undefined;
  });
  return { handle: device.addTransient(object), parameters: (writer) => writer.sized(object.name) };
};
