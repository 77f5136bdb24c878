import { randomBytes } from 'node:crypto';

import { KpsimError } from '../../core/errors.js';

/*
 * A key id that describes itself, so that every host that holds the KDK derives the same key from it, asking
 * nobody. Own choice; VMware publishes no layout.
 *
 *   offset  bytes  field
 *        0      1  version, 1
 *        1     16  KDK id, a UUID
 *       17      1  algorithm of the key, 1 = AES-256
 *       18     32  salt
 */

const VERSION = 1;
const KDK_ID_BYTES = 16;
const SALT_BYTES = 32;
const LENGTH_BYTES = 1 + KDK_ID_BYTES + 1 + SALT_BYTES;
/** Length of the text form: base64 with padding. */
const LENGTH_BASE64 = Math.ceil(LENGTH_BYTES / 3) * 4;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Algorithms that a key of a native key provider may have: their code in the id and the key's length. */
export const NATIVE_KEY_ALGORITHMS = {
  'AES-256': { code: 1, lengthBytes: 32 },
} as const satisfies Record<string, { readonly code: number; readonly lengthBytes: number }>;

/** One of {@link NATIVE_KEY_ALGORITHMS}. */
export type NativeKeyAlgorithm = keyof typeof NATIVE_KEY_ALGORITHMS;

/** What a key id of a native key provider says. */
export interface NativeKeyId {
  /** The KDK that the key derives from, a UUID in lower case. */
  readonly kdkId: string;
  readonly algorithm: NativeKeyAlgorithm;
  /** 32 bytes, different in every key id. */
  readonly salt: Buffer;
}

/** Makes the id of a new AES-256 key of the KDK given. @throws KpsimError `kdk_id_invalid` */
export function newKeyId(kdkId: string): string {
  return formatKeyId({ kdkId, algorithm: 'AES-256', salt: randomBytes(SALT_BYTES) });
}

/** Writes a key id. @throws KpsimError `kdk_id_invalid`, `native_key_id_invalid` if the salt is not 32 bytes */
export function formatKeyId(id: NativeKeyId): string {
  if (id.salt.length !== SALT_BYTES) throw invalid(`the salt is ${id.salt.length} bytes, not ${SALT_BYTES}`);
  const { code } = NATIVE_KEY_ALGORITHMS[id.algorithm];
  return Buffer.concat([Buffer.of(VERSION), kdkIdBytes(id.kdkId), Buffer.of(code), id.salt]).toString(
    'base64',
  );
}

/**
 * Reads a key id. Only the one canonical spelling is accepted, so that equal keys have equal ids.
 *
 * @throws KpsimError `native_key_id_invalid`
 */
export function parseKeyId(keyId: string): NativeKeyId {
  if (keyId.length !== LENGTH_BASE64) throw invalid(`it is not ${LENGTH_BASE64} characters long`);
  const bytes = Buffer.from(keyId, 'base64');
  if (bytes.length !== LENGTH_BYTES || bytes.toString('base64') !== keyId) {
    throw invalid('it is not canonical base64');
  }
  if (bytes.readUInt8(0) !== VERSION) throw invalid(`version ${bytes.readUInt8(0)} is not known`);
  const code = bytes.readUInt8(1 + KDK_ID_BYTES);
  const algorithm = algorithmOf(code);
  if (!algorithm) throw invalid(`algorithm ${code} is not known`);
  return {
    kdkId: formatUuid(bytes.subarray(1, 1 + KDK_ID_BYTES)),
    algorithm,
    salt: bytes.subarray(1 + KDK_ID_BYTES + 1),
  };
}

/** Whether a KDK may have this id: a UUID in lower case. */
export function isKdkId(text: string): boolean {
  return UUID.test(text);
}

/** The 16 bytes of a KDK id. @throws KpsimError `kdk_id_invalid` */
export function kdkIdBytes(kdkId: string): Buffer {
  if (!isKdkId(kdkId)) {
    throw new KpsimError('kdk_id_invalid', 'The id of a key derivation key must be a UUID in lower case.');
  }
  return Buffer.from(kdkId.replaceAll('-', ''), 'hex');
}

function algorithmOf(code: number): NativeKeyAlgorithm | undefined {
  const names = Object.keys(NATIVE_KEY_ALGORITHMS) as NativeKeyAlgorithm[];
  return names.find((name) => NATIVE_KEY_ALGORITHMS[name].code === code);
}

function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function invalid(problem: string): KpsimError {
  return new KpsimError(
    'native_key_id_invalid',
    `This is no key id of a native key provider: ${problem}. Use the key id as the provider gave it.`,
  );
}
