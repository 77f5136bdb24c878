import type { KeyObject } from 'node:crypto';
import { verify } from 'node:crypto';

import {
  derBitStringOf,
  derObjectIdentifierOf,
  derRaw,
  derSequenceElements,
  derValues,
} from '../keys/der.js';
import type { DerValue } from '../../wire/der/decode.js';

/** Hash of a signature by its algorithm's identifier; undefined where the algorithm has its own (RFC 8410). */
const SIGNATURE_HASHES: Readonly<Record<string, string | undefined>> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.1': 'sha1',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '2.16.840.1.101.3.4.3.2': 'sha256',
  '1.3.101.112': undefined,
  '1.3.101.113': undefined,
};

/** Whether a signature over bytes is right. @throws KmipError `InvalidField` if the fields are not what they must be */
export function isSignedBy(
  signed: Buffer,
  algorithm: DerValue | undefined,
  signature: DerValue | undefined,
  publicKey: KeyObject,
): boolean {
  const oid = derObjectIdentifierOf(algorithm && derValues(algorithm.content)[0]);
  if (!Object.hasOwn(SIGNATURE_HASHES, oid)) return false;
  return verify(SIGNATURE_HASHES[oid], signed, publicKey, derBitStringOf(signature));
}

/** Whether the SIGNED structure of X.509 (what is signed, algorithm, signature) was signed by a key. */
export function isSignedStructureBy(der: Buffer, publicKey: KeyObject): boolean {
  const [signed, algorithm, signature] = derSequenceElements(der);
  return signed !== undefined && isSignedBy(derRaw(signed), algorithm, signature, publicKey);
}
