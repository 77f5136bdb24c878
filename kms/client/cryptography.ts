import type { CryptographicParameters, NameIn, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { KeyOperations } from './keys.js';
import type { PartAnswer } from './operation-stream.js';
import { OperationStream } from './operation-stream.js';

/** How a key is used. */
export interface UseOptions {
  /** The key's own Cryptographic Parameters if absent. */
  readonly parameters?: CryptographicParameters | undefined;
}

/** How data are encrypted. KMIP 1.4 §4.29, KMIP 2.1 §6.1.17. */
export interface EncryptOptions extends UseOptions {
  /** IV, counter or nonce; the server makes one where the parameters say Random IV. */
  readonly ivCounterNonce?: Buffer | undefined;
  /** Authenticated, but not encrypted; since 1.4. */
  readonly additionalData?: Buffer | undefined;
}

/** How data are decrypted. KMIP 1.4 §4.30, KMIP 2.1 §6.1.11. */
export interface DecryptOptions extends EncryptOptions {
  /** Of authenticated encryption; since 1.4. */
  readonly tag?: Buffer | undefined;
}

/** What Encrypt answers. */
export interface Encrypted {
  readonly data: Buffer;
  /** If the server made it. */
  readonly ivCounterNonce: Buffer | undefined;
  /** Of authenticated encryption; since 1.4. */
  readonly tag: Buffer | undefined;
}

/** What is signed: data, or their digest (since 1.4). */
export type Signed = Buffer | { readonly digest: Buffer };

/**
 * Operations that use keys on data, KMIP 1.2 and later; data in several parts (`…Stream`) 1.3 and later. What they
 * return are views on the answer: clear what is secret after use.
 */
export abstract class CryptographicOperations extends KeyOperations {
  /** Encrypts with a key of the server. */
  async encrypt(uniqueIdentifier: string, data: Buffer, options: EncryptOptions = {}): Promise<Encrypted> {
    return encrypted(await this.perform('Encrypt', { ...fieldsOf(uniqueIdentifier, options), data }));
  }

  /** Encrypts in parts. */
  encryptStream(uniqueIdentifier: string, options: EncryptOptions = {}): OperationStream<Encrypted> {
    return new OperationStream(this, 'Encrypt', fieldsOf(uniqueIdentifier, options), encrypted);
  }

  /** Decrypts with a key of the server. @throws KmipError `CryptographicFailure`, also if the tag is wrong */
  async decrypt(uniqueIdentifier: string, data: Buffer, options: DecryptOptions = {}): Promise<Buffer> {
    return outputOf(await this.perform('Decrypt', { ...fieldsOf(uniqueIdentifier, options), data }));
  }

  /** Decrypts in parts; `final()` returns the last output. */
  decryptStream(uniqueIdentifier: string, options: DecryptOptions = {}): OperationStream<Buffer> {
    return new OperationStream(this, 'Decrypt', fieldsOf(uniqueIdentifier, options), outputOf);
  }

  /** Signs with a private key of the server. KMIP 1.4 §4.31, KMIP 2.1 §6.1.55. */
  async sign(uniqueIdentifier: string, data: Signed, options: UseOptions = {}): Promise<Buffer> {
    const payload = { ...fieldsOf(uniqueIdentifier, options), ...signedFields(data) };
    return signatureOf(await this.perform('Sign', payload));
  }

  /** Signs data that come in parts. */
  signStream(uniqueIdentifier: string, options: UseOptions = {}): OperationStream<Buffer> {
    return new OperationStream(this, 'Sign', fieldsOf(uniqueIdentifier, options), signatureOf);
  }

  /** Whether a signature is valid. KMIP 1.4 §4.32, KMIP 2.1 §6.1.56. */
  async verify(
    uniqueIdentifier: string,
    data: Signed,
    signature: Buffer,
    options: UseOptions = {},
  ): Promise<boolean> {
    const payload = {
      ...fieldsOf(uniqueIdentifier, options),
      ...signedFields(data),
      signatureData: signature,
    };
    return isValid(await this.perform('SignatureVerify', payload));
  }

  /** Whether a signature of data that come in parts is valid. */
  verifyStream(
    uniqueIdentifier: string,
    signature: Buffer,
    options: UseOptions = {},
  ): OperationStream<boolean> {
    const begin = { ...fieldsOf(uniqueIdentifier, options), signatureData: signature };
    return new OperationStream(this, 'SignatureVerify', begin, isValid);
  }

  /** The Message Authentication Code of data. KMIP 1.4 §4.33, KMIP 2.1 §6.1.32. */
  async mac(uniqueIdentifier: string, data: Buffer, options: UseOptions = {}): Promise<Buffer> {
    return macOf(await this.perform('MAC', { ...fieldsOf(uniqueIdentifier, options), data }));
  }

  /** The Message Authentication Code of data that come in parts. */
  macStream(uniqueIdentifier: string, options: UseOptions = {}): OperationStream<Buffer> {
    return new OperationStream(this, 'MAC', fieldsOf(uniqueIdentifier, options), macOf);
  }

  /** Whether a Message Authentication Code is that of the data. KMIP 1.4 §4.34, KMIP 2.1 §6.1.33. */
  async macVerify(
    uniqueIdentifier: string,
    data: Buffer,
    macData: Buffer,
    options: UseOptions = {},
  ): Promise<boolean> {
    const payload = { ...fieldsOf(uniqueIdentifier, options), data, macData };
    return isValid(await this.perform('MACVerify', payload));
  }

  /** Whether a Message Authentication Code is that of data that come in parts. */
  macVerifyStream(
    uniqueIdentifier: string,
    macData: Buffer,
    options: UseOptions = {},
  ): OperationStream<boolean> {
    return new OperationStream(
      this,
      'MACVerify',
      { ...fieldsOf(uniqueIdentifier, options), macData },
      isValid,
    );
  }

  /** The digest of data, made by the server. KMIP 1.4 §4.37, KMIP 2.1 §6.1.24. */
  async hash(hashingAlgorithm: NameIn<'HashingAlgorithm'>, data: Buffer): Promise<Buffer> {
    return outputOf(await this.perform('Hash', { cryptographicParameters: { hashingAlgorithm }, data }));
  }

  /** The digest of data that come in parts. */
  hashStream(hashingAlgorithm: NameIn<'HashingAlgorithm'>): OperationStream<Buffer> {
    return new OperationStream(this, 'Hash', { cryptographicParameters: { hashingAlgorithm } }, outputOf);
  }

  /** Random bytes of the server. KMIP 1.4 §4.35, KMIP 2.1 §6.1.49. */
  async rngRetrieve(bytes: number): Promise<Buffer> {
    return (await this.perform('RNGRetrieve', { dataLength: bytes })).data;
  }

  /** Gives the server's generator a seed; returns how many bytes of it were used. KMIP 1.4 §4.36, KMIP 2.1 §6.1.50. */
  async rngSeed(data: Buffer): Promise<number> {
    return (await this.perform('RNGSeed', { data })).dataLength;
  }
}

function fieldsOf(
  uniqueIdentifier: string,
  { parameters, ...rest }: DecryptOptions,
): Pick<
  RequestPayload<'Decrypt'>,
  'uniqueIdentifier' | 'cryptographicParameters' | 'ivCounterNonce' | 'tag'
> {
  return { uniqueIdentifier, cryptographicParameters: parameters, ...rest };
}

function signedFields(data: Signed): Pick<RequestPayload<'Sign'>, 'data' | 'digestedData'> {
  return Buffer.isBuffer(data) ? { data } : { digestedData: data.digest };
}

function encrypted({ data, ivCounterNonce, tag }: PartAnswer): Encrypted {
  return { data: data ?? Buffer.alloc(0), ivCounterNonce, tag };
}

/** Data; none is a part or a plaintext of no bytes. */
function outputOf({ data }: PartAnswer): Buffer {
  return data ?? Buffer.alloc(0);
}

function signatureOf({ signatureData }: PartAnswer): Buffer {
  return answered(signatureData, 'Signature Data');
}

function macOf({ macData }: PartAnswer): Buffer {
  return answered(macData, 'MAC Data');
}

function isValid({ validityIndicator }: PartAnswer): boolean {
  return answered(validityIndicator, 'Validity Indicator') === 'Valid';
}

function answered<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new KmipError('InvalidMessage', `The server's answer has no ${name}.`);
}
