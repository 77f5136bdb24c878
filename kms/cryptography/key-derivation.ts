import { createHmac, diffieHellman, hkdfSync, pbkdf2 } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { zeroise } from '../../core/secret.js';

/* Key derivation functions. They know nothing of objects; what KMIP feeds them is kms/operations/derive-key.ts. */

/** A pseudorandom function with its key inside, as SP 800-108 uses them. */
export type PseudorandomFunction = (data: Buffer) => Buffer;

/** PBKDF2 with HMAC (RFC 8018 §5.2), off the event loop. */
export async function pbkdf2Key(
  password: Buffer,
  salt: Buffer,
  iterations: number,
  hash: string,
  lengthBytes: number,
): Promise<Buffer> {
  return promisify(pbkdf2)(password, salt, iterations, lengthBytes, hash);
}

/** HKDF, extract and expand (RFC 5869). @param lengthBytes at most 255 times the hash's length */
export function hkdfKey(
  inputKey: Buffer,
  salt: Buffer,
  info: Buffer,
  hash: string,
  lengthBytes: number,
): Buffer {
  return Buffer.from(hkdfSync(hash, inputKey, salt, info, lengthBytes));
}

/** HMAC under one key as a pseudorandom function. */
export function hmacFunction(hash: string, key: Buffer): PseudorandomFunction {
  return (data) => createHmac(hash, key).update(data).digest();
}

/**
 * SP 800-108 in counter mode (§4.1): K(i) = PRF([i]₃₂ ‖ fixed). The counter has 32 bits and stands first.
 *
 * @param fixed the whole fixed input data
 */
export function counterModeKey(prf: PseudorandomFunction, fixed: Buffer, lengthBytes: number): Buffer {
  return blocks(lengthBytes, (counter) => prf(Buffer.concat([counter, fixed])));
}

/**
 * SP 800-108 in feedback mode (§4.2): K(i) = PRF(K(i−1) ‖ [i]₃₂ ‖ fixed), K(0) being the initialisation vector.
 *
 * @param fixed the whole fixed input data
 */
export function feedbackModeKey(
  prf: PseudorandomFunction,
  initializationVector: Buffer,
  fixed: Buffer,
  lengthBytes: number,
): Buffer {
  let previous = initializationVector;
  return blocks(lengthBytes, (counter) => {
    previous = Buffer.from(prf(Buffer.concat([previous, counter, fixed])));
    return previous;
  });
}

/**
 * SP 800-108 in double-pipeline iteration mode (§4.3): A(i) = PRF(A(i−1)), A(0) = fixed;
 * K(i) = PRF(A(i) ‖ [i]₃₂ ‖ fixed).
 *
 * @param fixed the whole fixed input data
 */
export function doublePipelineKey(prf: PseudorandomFunction, fixed: Buffer, lengthBytes: number): Buffer {
  let chain = fixed;
  return blocks(lengthBytes, (counter) => {
    chain = prf(chain);
    return prf(Buffer.concat([chain, counter, fixed]));
  });
}

/**
 * The shared secret of two halves of the same kind: of EC keys the x coordinate (SP 800-56A §5.7.1.2).
 *
 * @throws Error of OpenSSL if the halves do not fit each other
 */
export function agreedSecret(privateKey: KeyObject, publicKey: KeyObject): Buffer {
  return diffieHellman({ privateKey, publicKey });
}

/** The signing key of AWS Signature Version 4: a chain of HMACs over date, region, service and "aws4_request". */
export function awsSigningKey(
  secretAccessKey: Buffer,
  date: Buffer,
  region: Buffer,
  service: Buffer,
): Buffer {
  let key = Buffer.concat([Buffer.from('AWS4'), secretAccessKey]);
  for (const step of [date, region, service, Buffer.from('aws4_request')]) {
    const next = createHmac('sha256', key).update(step).digest();
    zeroise(key);
    key = next;
  }
  return key;
}

/** Blocks one after another under a counter from 1, cut to the length. */
function blocks(lengthBytes: number, block: (counter: Buffer) => Buffer): Buffer {
  const output = Buffer.alloc(lengthBytes);
  const counter = Buffer.alloc(4);
  for (let at = 0, index = 1; at < lengthBytes; index += 1) {
    counter.writeUInt32BE(index);
    const bytes = block(counter);
    at += bytes.copy(output, at);
  }
  return output;
}
