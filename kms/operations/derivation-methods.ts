import { zeroise } from '../../core/secret.js';
import type { DerivationParameters, EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { encryptWith } from '../cryptography/cipher.js';
import { digestOf, hashRow } from '../cryptography/hash.js';
import type { PseudorandomFunction } from '../cryptography/key-derivation.js';
import {
  agreedSecret,
  awsSigningKey,
  counterModeKey,
  doublePipelineKey,
  feedbackModeKey,
  hkdfKey,
  hmacFunction,
  pbkdf2Key,
} from '../cryptography/key-derivation.js';
import { cmacFunction, hmacHashOf } from '../cryptography/mac.js';
import { guarded } from '../cryptography/transform.js';
import { privateKeyOf, publicKeyOf, secretBytesOf } from '../keys/key-object.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';

/** Most work that one PBKDF2 may take: iterations times blocks of output, some seconds of a core. Own choice. */
const PBKDF2_WORK_LIMIT = 10_000_000;

/** What a key is derived from. */
export interface Derivation {
  /** The base objects in the order of the request, at least one; usable, and their values not wrapped. */
  readonly bases: readonly ManagedObject[];
  readonly parameters: DerivationParameters;
  /** Wanted length. */
  readonly lengthBytes: number;
}

/** Computes the derived bytes: as many as wanted, or all that the method has. @throws KmipError */
type DerivationMethod = (derivation: Derivation) => Buffer | Promise<Buffer>;

/** The Derivation Methods. KMIP 1.4 §4.6, KMIP 2.1 §7.12. */
export const DERIVATION_METHODS: Readonly<Record<NameIn<'DerivationMethod'>, DerivationMethod>> = {
  async PBKDF2(derivation) {
    const { salt, iterationCount, cryptographicParameters } = derivation.parameters;
    const password = soleSource(derivation);
    if (salt === undefined || iterationCount === undefined || iterationCount < 1) {
      throw invalid('PBKDF2 needs a Salt and a positive Iteration Count.');
    }
    // HMAC-SHA-1 is what PKCS #5 assumes where nothing else is said.
    const hash = hashRow(cryptographicParameters?.hashingAlgorithm ?? 'SHA_1');
    const blocks = Math.ceil(derivation.lengthBytes / hash.digestBytes);
    if (iterationCount * blocks > PBKDF2_WORK_LIMIT) {
      throw invalid(
        `This server computes PBKDF2 up to ${PBKDF2_WORK_LIMIT} iterations times blocks of output. Ask for less.`,
      );
    }
    return pbkdf2Key(password, salt, iterationCount, hash.openssl, derivation.lengthBytes);
  },

  HASH(derivation) {
    const { bases, parameters } = derivation;
    const algorithm = parametersOf(derivation)?.hashingAlgorithm;
    if (bases.length === 1) return digestOf(algorithm, soleSource(derivation));
    // Several keys are hashed one after another: own choice, the specification has no rule for it.
    demandNoData(parameters);
    const keys = Buffer.concat(bases.map(({ value }) => secretOf(value)));
    try {
      return digestOf(algorithm, keys);
    } finally {
      zeroise(keys);
    }
  },

  HMAC: (derivation) => pseudorandomFunction(derivation)(dataOf(derivation)),

  ENCRYPT(derivation) {
    const { key, algorithm } = keyOf(derivation);
    const parameters = parametersOf(derivation);
    if (!parameters) throw invalid('ENCRYPT needs Cryptographic Parameters that name the mode.');
    return encryptWith(key, algorithm, parameters, dataOf(derivation), {
      ivCounterNonce: derivation.parameters.initializationVector,
    }).data;
  },

  NIST800_108C: (derivation) =>
    counterModeKey(pseudorandomFunction(derivation), dataOf(derivation), derivation.lengthBytes),

  NIST800_108F: (derivation) =>
    feedbackModeKey(
      pseudorandomFunction(derivation),
      derivation.parameters.initializationVector ?? Buffer.alloc(0),
      dataOf(derivation),
      derivation.lengthBytes,
    ),

  NIST800_108DPI: (derivation) =>
    doublePipelineKey(pseudorandomFunction(derivation), dataOf(derivation), derivation.lengthBytes),

  AsymmetricKey({ bases, parameters }) {
    demandNoData(parameters);
    const [privateHalf, publicHalf] = bases;
    if (!privateHalf?.value || !publicHalf?.value || bases.length !== 2) {
      throw unsuitable('A key is agreed between two objects: a Private Key, and then a Public Key.');
    }
    if (privateHalf.objectType !== 'PrivateKey' || publicHalf.objectType !== 'PublicKey') {
      throw unsuitable('Name the Private Key first and the Public Key of the other side second.');
    }
    const privateKey = privateKeyOf(privateHalf.value);
    const publicKey = publicKeyOf(publicHalf.value);
    return guarded('Key agreement', () => agreedSecret(privateKey, publicKey));
  },

  AWSSignatureVersion4({ bases, parameters }) {
    const [date, region, service, more] = parameters.derivationData ?? [];
    const [base] = bases;
    if (!date || !region || !service || more || !base || bases.length !== 1) {
      throw invalid(
        'AWS Signature Version 4 needs one key and three Derivation Data: Date, Region, Service.',
      );
    }
    return awsSigningKey(secretOf(base.value), date, region, service);
  },

  HKDF(derivation) {
    const { parameters, lengthBytes } = derivation;
    const hash = hashRow(parameters.cryptographicParameters?.hashingAlgorithm ?? 'SHA_256');
    if (lengthBytes > 255 * hash.digestBytes) throw tooLong();
    const info = optionalDataOf(derivation) ?? Buffer.alloc(0);
    const salt = parameters.salt ?? Buffer.alloc(0);
    return hkdfKey(keyOf(derivation).key, salt, info, hash.openssl, lengthBytes);
  },
};

/** The derivation key: the first base. */
function keyOf({ bases }: Derivation): {
  readonly key: Buffer;
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined;
} {
  const [base] = bases;
  return { key: secretOf(base?.value), algorithm: base?.get('CryptographicAlgorithm') };
}

/**
 * Derivation Data, given in the request or as a Secret Data object after the key.
 *
 * @throws KmipError `InvalidMessage` if it is given in both ways
 */
function optionalDataOf({ bases, parameters }: Derivation): Buffer | undefined {
  const [given, another] = parameters.derivationData ?? [];
  const [, secret, more] = bases;
  if (another) throw invalid('Derivation Data is given more than once.');
  if (more || (secret && secret.objectType !== 'SecretData')) {
    throw unsuitable('After the key, one Secret Data object may be named that holds the derivation data.');
  }
  if (secret && given) {
    throw new KmipError(
      'InvalidMessage',
      'Derivation Data is given both in the request and as Secret Data. Give it once.',
    );
  }
  return secret ? secretOf(secret.value) : given;
}

function dataOf(derivation: Derivation): Buffer {
  const data = optionalDataOf(derivation);
  if (data) return data;
  throw invalid('The method needs Derivation Data, in the request or as a Secret Data object after the key.');
}

/** The one input of a method that takes either a key or data: here always the base, as there always is one. */
function soleSource({ bases, parameters }: Derivation): Buffer {
  demandNoData(parameters);
  const [base, more] = bases;
  if (more) throw unsuitable('The method derives from one object only.');
  return secretOf(base?.value);
}

function demandNoData({ derivationData }: DerivationParameters): void {
  if (!derivationData) return;
  throw new KmipError(
    'InvalidMessage',
    'The method takes its input from the object named. Leave Derivation Data out.',
  );
}

/**
 * HMAC, or CMAC where the Block Cipher Mode says so. The hash is that of the key's own algorithm, or else of the
 * Cryptographic Parameters.
 */
function pseudorandomFunction(derivation: Derivation): PseudorandomFunction {
  const { key, algorithm } = keyOf(derivation);
  const parameters = parametersOf(derivation);
  if (parameters?.blockCipherMode === 'CMAC') return cmacFunction(algorithm, key);
  return hmacFunction(hashRow(hmacHashOf(algorithm) ?? parameters?.hashingAlgorithm).openssl, key);
}

/** Those of the request, or else the first that the key has (KMIP 1.4 §4.6). */
function parametersOf({ bases, parameters }: Derivation): DerivationParameters['cryptographicParameters'] {
  return parameters.cryptographicParameters ?? bases[0]?.get('CryptographicParameters');
}

function secretOf(value: ManagedObject['value']): Buffer {
  if (value?.objectType === 'SymmetricKey' || value?.objectType === 'SecretData') return secretBytesOf(value);
  throw unsuitable('Keys are derived from Symmetric Keys and Secret Data; key pairs are for Asymmetric Key.');
}

/** The refusal of a length that the method has no output for. */
export function tooLong(): Refusal {
  return invalid('The Cryptographic Length exceeds what the derivation method yields. Ask for less.');
}

function invalid(message: string): Refusal {
  return new Refusal('derivationParametersInvalid', message);
}

function unsuitable(message: string): Refusal {
  return new Refusal('derivationObjectUnsuitable', message);
}
