import {
  constants as cryptoConstants,
  createECDH,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import type { ECDH, KeyObject } from 'node:crypto';
import { ECC_CURVES, HASH_ALGORITHMS, digestBytes } from './algorithms.js';
import { TpmError } from './errors.js';
import { kdfE } from './kdf.js';
import { leftPadded, publicKeyOf } from './public-area.js';
import type { EccPublic, TpmtPublic } from './public-area.js';
import { decodeWhole } from './reader.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { encodeWhole } from './writer.js';

/** What a seed is for; the label of OAEP and KDFe (TPM 2.0 Part 1 §B.10 and §C.6). */
export type SecretLabel = 'IDENTITY' | 'SECRET' | 'DUPLICATE';

/** A point of an elliptic curve, as TPMS_ECC_POINT has it. */
export interface EccPoint {
  readonly x: Buffer;
  readonly y: Buffer;
}

/** Longest TPM2B_ENCRYPTED_SECRET that is accepted, in bytes: that of an RSA-3072 key. */
export const MAX_ENCRYPTED_SECRET_BYTES = 384;

/** Reads a TPMS_ECC_POINT. @throws TpmError */
export function readEccPoint(reader: TpmReader): EccPoint {
  const longest = ECC_CURVES.NIST_P384.coordinateBytes;
  return { x: reader.sized(longest), y: reader.sized(longest) };
}

/**
 * Makes a seed and sends it to the holder of a decryption key: with OAEP for RSA, with an ephemeral key and
 * ECDH for ECC.
 *
 * @param recipient public area of the key that will recover the seed
 * @returns the seed, as long as a digest of the recipient's nameAlg, and the TPMU_ENCRYPTED_SECRET
 * @throws TpmError TPM_RC_TYPE, TPM_RC_KEY, TPM_RC_ECC_POINT if the key is none
 */
export function sendSeed(
  recipient: TpmtPublic,
  label: SecretLabel,
): { seed: Buffer; encryptedSecret: Buffer } {
  const publicKey = publicKeyOf(recipient);
  if (recipient.type === 'ECC') return sendSeedByEcdh(recipient, label);
  const seed = randomBytes(digestBytes(recipient.nameAlg));
  const encryptedSecret = publicEncrypt({ key: publicKey, ...oaepOf(recipient, label) }, seed);
  return { seed, encryptedSecret };
}

function sendSeedByEcdh(recipient: EccPublic, label: SecretLabel): { seed: Buffer; encryptedSecret: Buffer } {
  const { nodeName, coordinateBytes } = ECC_CURVES[recipient.curve];
  const ephemeral = createECDH(nodeName);
  const [x, y] = coordinatesOf(ephemeral.generateKeys(), coordinateBytes);
  const point = { x, y };
  const z = ephemeral.computeSecret(octetsOf(recipient.unique, coordinateBytes));
  const encryptedSecret = encodeWhole((writer) => writer.sized(point.x).sized(point.y));
  return { seed: agreedSeed(recipient, z, label, point), encryptedSecret };
}

/** First octet of an uncompressed point (SEC 1 §2.3.3). */
const UNCOMPRESSED = 0x04;

/** A point as octets: as an object it costs more than the agreement itself. */
function octetsOf({ x, y }: EccPoint, coordinateBytes: number): Buffer {
  return Buffer.concat([
    Buffer.of(UNCOMPRESSED),
    leftPadded(x, coordinateBytes),
    leftPadded(y, coordinateBytes),
  ]);
}

function coordinatesOf(point: Buffer, coordinateBytes: number): [Buffer, Buffer] {
  return [point.subarray(1, 1 + coordinateBytes), point.subarray(1 + coordinateBytes)];
}

/**
 * Recovers a seed that `sendSeed` sent.
 *
 * @param recipient public area of the key
 * @param privateKey its private key
 * @throws TpmError TPM_RC_VALUE if it was sent to another key (RSA), TPM_RC_ECC_POINT if the point is off the
 *   curve, TPM_RC_SIZE or TPM_RC_INSUFFICIENT if it is malformed, TPM_RC_TYPE for a keyed hash object
 */
export function receiveSeed(
  recipient: TpmtPublic,
  privateKey: KeyObject,
  label: SecretLabel,
  encryptedSecret: Buffer,
): Buffer {
  if (recipient.type === 'KEYEDHASH') throw new TpmError(TPM_RC.TYPE);
  if (recipient.type === 'ECC') {
    const point = decodeWhole('TPMS_ECC_POINT', encryptedSecret, readEccPoint);
    return agreedSeed(recipient, agree(recipient, privateKey, point), label, point);
  }
  let seed: Buffer;
  try {
    seed = privateDecrypt({ key: privateKey, ...oaepOf(recipient, label) }, encryptedSecret);
  } catch (error) {
    throw new TpmError(TPM_RC.VALUE, 'TPM2B_ENCRYPTED_SECRET', { cause: error });
  }
  if (seed.length > digestBytes(recipient.nameAlg)) throw new TpmError(TPM_RC.VALUE);
  return seed;
}

/** The x coordinate that a private key and a point agree on. @throws TpmError TPM_RC_ECC_POINT */
function agree(area: EccPublic, privateKey: KeyObject, point: EccPoint): Buffer {
  try {
    return agreementUnder(area, privateKey).computeSecret(
      octetsOf(point, ECC_CURVES[area.curve].coordinateBytes),
    );
  } catch (error) {
    throw new TpmError(TPM_RC.ECC_POINT, 'TPMS_ECC_POINT', { cause: error });
  }
}

/** Made once for each key; they go with it. */
const agreements = new WeakMap<KeyObject, ECDH>();

function agreementUnder({ curve }: EccPublic, privateKey: KeyObject): ECDH {
  const known = agreements.get(privateKey);
  if (known) return known;
  const scalar = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const made = createECDH(ECC_CURVES[curve].nodeName);
  made.setPrivateKey(scalar);
  scalar.fill(0);
  agreements.set(privateKey, made);
  return made;
}

function agreedSeed(recipient: EccPublic, z: Buffer, label: SecretLabel, ephemeral: EccPoint): Buffer {
  const { coordinateBytes } = ECC_CURVES[recipient.curve];
  return kdfE(recipient.nameAlg, z, {
    label,
    contextU: leftPadded(ephemeral.x, coordinateBytes),
    contextV: leftPadded(recipient.unique.x, coordinateBytes),
    bits: digestBytes(recipient.nameAlg) * 8,
  });
}

function oaepOf(
  area: TpmtPublic,
  label: SecretLabel,
): { padding: number; oaepHash: string; oaepLabel: Buffer } {
  return {
    padding: cryptoConstants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: HASH_ALGORITHMS[area.nameAlg].nodeName,
    oaepLabel: Buffer.from(`${label}\0`, 'latin1'),
  };
}
