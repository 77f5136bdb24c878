import { KmipError } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';

/** Algorithms whose keys no known quantum algorithm finds, whatever their length. */
const SAFE_AT_ANY_LENGTH: ReadonlySet<string> = new Set([
  'OneTimePad',
  'XMSS',
  'SPHINCS_256',
  'McEliece',
  'McEliece_6960119',
  'McEliece_8192128',
]);

/** Algorithms that Shor's algorithm breaks. */
const BROKEN: ReadonlySet<string> = new Set([
  'RSA',
  'DSA',
  'ECDSA',
  'DH',
  'ECDH',
  'ECMQV',
  'EC',
  'SM2',
  'GOSTR34_10_2012',
  'Ed25519',
  'Ed448',
]);

/** Symmetric keys keep half their length against Grover's algorithm. Own choice: 128 bits must be left. */
const SAFE_BITS = 256;

/**
 * Holds an object to its Quantum Safe attribute (KMIP 2.1 §4.45).
 *
 * @throws KmipError `GeneralFailure`, as the OASIS case QS-M-2-21 has it, if the object is to be Quantum Safe and is not
 */
export function demandQuantumSafe(object: ManagedObject): void {
  if (object.get('QuantumSafe') !== true) return;
  const algorithm = object.get('CryptographicAlgorithm');
  const lengthBits = object.get('CryptographicLength');
  if (algorithm === undefined || SAFE_AT_ANY_LENGTH.has(String(algorithm))) return;
  if (!BROKEN.has(String(algorithm)) && lengthBits !== undefined && lengthBits >= SAFE_BITS) return;
  throw new KmipError(
    'GeneralFailure',
    `A key for ${algorithm} of ${lengthBits ?? 'unknown'} bits is not quantum safe; take a symmetric one of ${SAFE_BITS} bits.`,
  );
}
