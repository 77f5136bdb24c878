import { randomKeyBytes } from '../../../core/secret.js';
import {
  HASH_ALGORITHMS,
  MAX_ENCRYPTED_SECRET_BYTES,
  TPMA_OBJECT,
  TPM_HT,
  TPM_RC,
  TPM_RH,
  TPM_SE,
  TpmError,
  digestBytes,
  handleRc,
  kdfA,
  parameterRc,
  readHashAlgorithm,
  readSymmetric,
  receiveSeed,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { authValueOf, boundOf } from '../authorization.js';
import { inParameter } from '../command-call.js';
import { SESSION_SLOTS } from '../device.js';
import type { TpmDevice } from '../device.js';
import { TpmSession } from '../session.js';
import type { SessionType } from '../session.js';

const MIN_NONCE_BYTES = 16;
const MAX_NONCE_BYTES = HASH_ALGORITHMS.SHA512.digestBytes;
const SESSION_TYPES = new Map<number, SessionType>([
  [TPM_SE.HMAC, 'HMAC'],
  [TPM_SE.POLICY, 'POLICY'],
  [TPM_SE.TRIAL, 'TRIAL'],
]);

/** TPM2_StartAuthSession (TPM 2.0 Part 3 §11.1): with salt, bound, both or neither. */
export const startAuthSession: CommandHandler = (device, call) => {
  const [tpmKey, bind] = [call.handle(1), call.handle(2)];
  const nonceCaller = call.parameter((reader) => reader.sized(MAX_NONCE_BYTES));
  const encryptedSalt = call.parameter((reader) => reader.sized(MAX_ENCRYPTED_SECRET_BYTES));
  const type = call.parameter((reader) => {
    const known = SESSION_TYPES.get(reader.u8());
    if (known === undefined) throw new TpmError(TPM_RC.VALUE);
    return known;
  });
  const symmetric = call.parameter(readSymmetric);
  const authHash = call.parameter(readHashAlgorithm);
  call.end();
  if (nonceCaller.length < MIN_NONCE_BYTES || nonceCaller.length > digestBytes(authHash)) {
    throw new TpmError(parameterRc(TPM_RC.SIZE, 1));
  }
  const salt = saltOf(device, tpmKey, encryptedSalt);
  const bindValue = bind === TPM_RH.NULL ? Buffer.alloc(0) : authValueOf(device, bind);
  const handle = freeSessionHandle(device, type);
  const nonceTpm = randomKeyBytes(nonceCaller.length);
  const sessionKey =
    tpmKey === TPM_RH.NULL && bind === TPM_RH.NULL
      ? Buffer.alloc(0)
      : kdfA(authHash, Buffer.concat([bindValue, salt]), {
          label: 'ATH',
          contextU: nonceTpm,
          contextV: nonceCaller,
          bits: digestBytes(authHash) * 8,
        });
  const boundTo = bind === TPM_RH.NULL ? undefined : boundOf(device, bind);
  device.sessions.set(
    handle,
    new TpmSession({ handle, type, authHash, symmetric, sessionKey, boundTo, nonceTpm, nonceCaller }),
  );
  return { handle, parameters: (writer) => writer.sized(nonceTpm) };
};

function saltOf(device: TpmDevice, tpmKey: number, encryptedSalt: Buffer): Buffer {
  if (tpmKey === TPM_RH.NULL) {
    if (encryptedSalt.length !== 0) throw new TpmError(parameterRc(TPM_RC.VALUE, 2));
    return encryptedSalt;
  }
  const key = device.object(tpmKey, 1);
  if (!key.has(TPMA_OBJECT.DECRYPT) || key.publicArea.type === 'KEYEDHASH') {
    throw new TpmError(handleRc(TPM_RC.ATTRIBUTES, 1));
  }
  return inParameter(2, () => receiveSeed(key.publicArea, key.privateKey, 'SECRET', encryptedSalt));
}

function freeSessionHandle(device: TpmDevice, type: SessionType): number {
  if (device.sessions.size >= SESSION_SLOTS) throw new TpmError(TPM_RC.SESSION_MEMORY);
  const base = (type === 'HMAC' ? TPM_HT.HMAC_SESSION : TPM_HT.POLICY_SESSION) * 0x1000000;
  for (let index = 0; index < SESSION_SLOTS * 2; index += 1) {
    const handle = base + index;
    if (!device.sessions.has(handle) && !device.savedSessions.has(handle)) return handle;
  }
  throw new TpmError(TPM_RC.SESSION_HANDLES);
}
