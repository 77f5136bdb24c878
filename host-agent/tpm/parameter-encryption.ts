import { createCipheriv, createDecipheriv } from 'node:crypto';
import { TPMA_SESSION, TPM_RC, TpmError, kdfA } from '../../wire/tpm2/index.js';
import { authValueOf } from './authorization.js';
import type { CheckedAuth } from './authorization.js';
import type { TpmDevice } from './device.js';

const AES_BLOCK_BITS = 128;

/** Decrypts the first parameter of a command if a session encrypted it (TPM 2.0 Part 1 §21). @throws TpmError TPM_RC_SIZE */
export function decryptParameter(
  device: TpmDevice,
  checked: readonly CheckedAuth[],
  parameters: Buffer,
): Buffer {
  return transform(device, checked, parameters, TPMA_SESSION.DECRYPT);
}

/** Encrypts the first parameter of a response if a session asks for it; the nonces have been rolled. */
export function encryptParameter(
  device: TpmDevice,
  checked: readonly CheckedAuth[],
  parameters: Buffer,
): Buffer {
  return transform(device, checked, parameters, TPMA_SESSION.ENCRYPT);
}

function transform(
  device: TpmDevice,
  checked: readonly CheckedAuth[],
  parameters: Buffer,
  bit: number,
): Buffer {
  const one = checked.find(({ auth }) => (auth.attributes & bit) !== 0);
  const symmetric = one?.session?.symmetric;
  if (one?.session === undefined || symmetric === undefined) return parameters;
  const { session, auth, entity } = one;
  if (parameters.length < 2) throw new TpmError(TPM_RC.SIZE);
  const end = 2 + parameters.readUInt16BE(0);
  if (end > parameters.length) throw new TpmError(TPM_RC.SIZE);
  const decrypting = bit === TPMA_SESSION.DECRYPT;
  const [newer, older] = decrypting ? [auth.nonce, session.nonceTpm] : [session.nonceTpm, auth.nonce];
  const value = entity === undefined ? Buffer.alloc(0) : authValueOf(device, entity);
  const material = kdfA(session.authHash, Buffer.concat([session.sessionKey, value]), {
    label: 'CFB',
    contextU: newer,
    contextV: older,
    bits: symmetric.keyBits + AES_BLOCK_BITS,
  });
  const key = material.subarray(0, symmetric.keyBits / 8);
  const iv = material.subarray(symmetric.keyBits / 8);
  const name = `aes-${symmetric.keyBits}-cfb`;
  const cipher = decrypting ? createDecipheriv(name, key, iv) : createCipheriv(name, key, iv);
  const middle = cipher.update(parameters.subarray(2, end));
  return Buffer.concat([parameters.subarray(0, 2), middle, cipher.final(), parameters.subarray(end)]);
}
