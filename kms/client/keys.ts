import type {
  Attribute,
  DerivationParameters,
  EnumerationValue,
  RequestPayload,
  ResponsePayload,
  TemplateAttribute,
} from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { NewObjectOptions } from './objects.js';
import { ObjectOperations } from './objects.js';
import type { AttributeInput } from './version-form.js';
import { named } from './version-form.js';

/** A symmetric key to be made. */
export interface KeyRequest extends NewObjectOptions {
  /** AES if absent. */
  readonly algorithm?: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  /** 256 if absent. */
  readonly lengthBits?: number | undefined;
  /** Cryptographic Usage Mask; Encrypt and Decrypt if absent. */
  readonly usageMask?: number | undefined;
}

/** One half of a key pair to be made. */
export interface KeyHalfRequest extends NewObjectOptions {
  /** Cryptographic Usage Mask; Sign for the private key and Verify for the public one if absent. */
  readonly usageMask?: number | undefined;
}

/** A key pair to be made. */
export interface KeyPairRequest {
  /** RSA if absent, or ECDSA if there is a curve. */
  readonly algorithm?: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  /** 2048 if absent and there is no curve. */
  readonly lengthBits?: number | undefined;
  /** Of an elliptic curve algorithm. */
  readonly recommendedCurve?: EnumerationValue<'RecommendedCurve'> | undefined;
  /** Further attributes of both. */
  readonly attributes?: readonly AttributeInput[] | undefined;
  readonly privateKey?: KeyHalfRequest | undefined;
  readonly publicKey?: KeyHalfRequest | undefined;
}

/** Unique Identifiers of a key pair. */
export interface KeyPair {
  readonly privateKeyUniqueIdentifier: string;
  readonly publicKeyUniqueIdentifier: string;
}

/** How something is replaced. */
export interface ReplacementOptions {
  /** Seconds between Initial Date and Activation Date of the new one; its other dates are shifted likewise. */
  readonly offsetSeconds?: number | undefined;
  readonly attributes?: readonly AttributeInput[] | undefined;
}

/** A key or secret to be derived. KMIP 1.4 §4.6, KMIP 2.1 §6.1.14. */
export interface DerivationRequest extends NewObjectOptions {
  /** Symmetric Key if absent. */
  readonly objectType?: 'SymmetricKey' | 'SecretData' | undefined;
  readonly derivationMethod: EnumerationValue<'DerivationMethod'>;
  readonly derivationParameters: DerivationParameters;
  /** Of a Symmetric Key; AES if absent. */
  readonly algorithm?: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  /** 256 if absent. */
  readonly lengthBits?: number | undefined;
  /** Cryptographic Usage Mask; Encrypt and Decrypt if absent. */
  readonly usageMask?: number | undefined;
}

/** A key to be split. KMIP 1.4 §4.38, KMIP 2.1 §6.1.10. */
export interface SplitRequest extends KeyRequest {
  readonly parts: number;
  /** Parts that are enough to join the key. */
  readonly threshold: number;
  readonly method: EnumerationValue<'SplitKeyMethod'>;
  /** For Polynomial Sharing Prime Field. */
  readonly primeFieldSize?: bigint | undefined;
  /** The key to be split; a new one if absent. */
  readonly uniqueIdentifier?: string | undefined;
}

/** What is made of joined parts. KMIP 1.4 §4.39, KMIP 2.1 §6.1.27. */
export interface JoinRequest extends NewObjectOptions {
  /** Symmetric Key if absent. */
  readonly objectType?: 'SymmetricKey' | 'PrivateKey' | 'SecretData' | undefined;
  readonly secretDataType?: EnumerationValue<'SecretDataType'> | undefined;
}

/** A certificate to be issued. KMIP 1.4 §4.7, KMIP 2.1 §6.1.6. */
export interface CertificationRequest extends NewObjectOptions {
  /** The public key to be certified; without it the request's own. */
  readonly uniqueIdentifier?: string | undefined;
  /** CRMF, PKCS#10 or PEM. */
  readonly certificateRequestType?: EnumerationValue<'CertificateRequestType'> | undefined;
  readonly certificateRequest?: Buffer | undefined;
}

const ENCRYPT_AND_DECRYPT = cryptographicUsageMask('Encrypt', 'Decrypt');

/** Operations that make keys and certificates. */
export abstract class KeyOperations extends ObjectOperations {
  /** Has the server make a symmetric key; returns its Unique Identifier. KMIP 1.4 §4.1, KMIP 2.1 §6.1.8. */
  async create(key: KeyRequest = {}): Promise<string> {
    const payload = { objectType: 'SymmetricKey', ...this.wanted(keyAttributes(key)) } as const;
    return (await this.perform('Create', payload)).uniqueIdentifier;
  }

  /** Has the server make a key pair. KMIP 1.4 §4.2, KMIP 2.1 §6.1.9. */
  async createKeyPair(pair: KeyPairRequest = {}): Promise<KeyPair> {
    return keyPairOf(await this.perform('CreateKeyPair', this.#pairPayload(pair)));
  }

  /** Replaces a symmetric key by a new one; returns the identifier of that. KMIP 1.4 §4.4, KMIP 2.1 §6.1.46. */
  async rekey(uniqueIdentifier: string, options: ReplacementOptions = {}): Promise<string> {
    const payload = {
      uniqueIdentifier,
      offset: options.offsetSeconds,
      ...this.#optional(options.attributes),
    };
    return (await this.perform('ReKey', payload)).uniqueIdentifier;
  }

  /** Replaces a key pair by a new one; KMIP 1.1 and later (1.4 §4.5, 2.1 §6.1.47). */
  async rekeyKeyPair(privateKeyUniqueIdentifier: string, options: ReplacementOptions = {}): Promise<KeyPair> {
    const { templateAttribute, attributes } = this.#optional(options.attributes);
    const answer = await this.perform('ReKeyKeyPair', {
      privateKeyUniqueIdentifier,
      offset: options.offsetSeconds,
      commonTemplateAttribute: templateAttribute,
      commonAttributes: attributes,
    });
    return keyPairOf(answer);
  }

  /** Derives a key or secret from others; returns its Unique Identifier. */
  async deriveKey(from: string | readonly string[], request: DerivationRequest): Promise<string> {
    const { objectType = 'SymmetricKey', derivationMethod, derivationParameters } = request;
    const { lengthBits = 256, usageMask = ENCRYPT_AND_DECRYPT } = request;
    const wanted =
      objectType === 'SymmetricKey'
        ? keyAttributes(request)
        : [
            attributeOf('CryptographicLength', lengthBits),
            attributeOf('CryptographicUsageMask', usageMask),
            ...furtherAttributes(request),
          ];
    const answer = await this.perform('DeriveKey', {
      objectType,
      uniqueIdentifiers: typeof from === 'string' ? [from] : from,
      derivationMethod,
      derivationParameters,
      ...this.wanted(wanted),
    });
    return answer.uniqueIdentifier;
  }

  /** Splits a key; returns the identifiers of the parts in the order of their Key Part Identifiers. */
  async createSplitKey(request: SplitRequest): Promise<readonly string[]> {
    const { parts, threshold, method, primeFieldSize, uniqueIdentifier } = request;
    const wanted = uniqueIdentifier === undefined ? keyAttributes(request) : furtherAttributes(request);
    const answer = await this.perform('CreateSplitKey', {
      objectType: 'SplitKey',
      uniqueIdentifier,
      splitKeyParts: parts,
      splitKeyThreshold: threshold,
      splitKeyMethod: method,
      primeFieldSize,
      ...this.wanted(wanted),
    });
    return answer.uniqueIdentifiers;
  }

  /** Joins parts of a key; returns the Unique Identifier of the joined one. */
  async joinSplitKey(parts: readonly string[], request: JoinRequest = {}): Promise<string> {
    const { objectType = 'SymmetricKey', secretDataType } = request;
    const answer = await this.perform('JoinSplitKey', {
      objectType,
      uniqueIdentifiers: parts,
      secretDataType,
      ...this.#optional(furtherAttributes(request)),
    });
    return answer.uniqueIdentifier;
  }

  /** Has the server issue a certificate; returns its Unique Identifier. */
  async certify(request: CertificationRequest): Promise<string> {
    const { uniqueIdentifier } = request;
    const payload = {
      uniqueIdentifier,
      ...requestFields(request),
      ...this.#optional(furtherAttributes(request)),
    };
    return (await this.perform('Certify', payload)).uniqueIdentifier;
  }

  /** Has the server issue a certificate in place of another; returns its identifier. KMIP 1.4 §4.8, KMIP 2.1 §6.1.45. */
  async recertify(
    uniqueIdentifier: string,
    request: Omit<CertificationRequest, 'uniqueIdentifier'> & ReplacementOptions = {},
  ): Promise<string> {
    const answer = await this.perform('ReCertify', {
      uniqueIdentifier,
      ...requestFields(request),
      offset: request.offsetSeconds,
      ...this.#optional(furtherAttributes(request)),
    });
    return answer.uniqueIdentifier;
  }

  /**
   * Whether a chain of certificates is valid. KMIP 1.4 §4.24, KMIP 2.1 §6.1.57.
   *
   * @param chain identifiers of Certificate objects, or certificates in DER; in any order
   * @param validityDate when it is to be valid, in seconds since 1970; now if absent
   */
  async validate(
    chain: readonly (string | Buffer)[],
    validityDate?: number,
  ): Promise<EnumerationValue<'ValidityIndicator'>> {
    const certificates = chain
      .filter((one) => Buffer.isBuffer(one))
      .map((certificateValue) => ({ certificateType: 'X_509', certificateValue }) as const);
    const uniqueIdentifiers = chain.filter((one) => typeof one === 'string');
    const answer = await this.perform('Validate', { certificates, uniqueIdentifiers, validityDate });
    return answer.validityIndicator;
  }

  #pairPayload(pair: KeyPairRequest): RequestPayload<'CreateKeyPair'> {
    const { recommendedCurve: curve, lengthBits = curve === undefined ? 2048 : undefined } = pair;
    const common = this.wanted([
      attributeOf('CryptographicAlgorithm', pair.algorithm ?? (curve === undefined ? 'RSA' : 'ECDSA')),
      ...(lengthBits === undefined ? [] : [attributeOf('CryptographicLength', lengthBits)]),
      ...(curve === undefined
        ? []
        : [attributeOf('CryptographicDomainParameters', { recommendedCurve: curve })]),
      ...(pair.attributes ?? []),
    ]);
    const [privateKey, publicKey] = [
      this.#half(pair.privateKey, 'Sign'),
      this.#half(pair.publicKey, 'Verify'),
    ];
    return {
      commonTemplateAttribute: common.templateAttribute,
      privateKeyTemplateAttribute: privateKey.templateAttribute,
      publicKeyTemplateAttribute: publicKey.templateAttribute,
      commonAttributes: common.attributes,
      privateKeyAttributes: privateKey.attributes,
      publicKeyAttributes: publicKey.attributes,
    };
  }

  #half(half: KeyHalfRequest = {}, usage: 'Sign' | 'Verify') {
    const usageMask = half.usageMask ?? cryptographicUsageMask(usage);
    return this.wanted([attributeOf('CryptographicUsageMask', usageMask), ...furtherAttributes(half)]);
  }

  /** Attributes that may be left out altogether. */
  #optional(inputs: readonly AttributeInput[] = []): {
    readonly templateAttribute?: TemplateAttribute;
    readonly attributes?: readonly Attribute[];
  } {
    return inputs.length === 0 ? {} : this.wanted(inputs);
  }
}

function keyAttributes(key: KeyRequest): readonly AttributeInput[] {
  return [
    attributeOf('CryptographicAlgorithm', key.algorithm ?? 'AES'),
    attributeOf('CryptographicUsageMask', key.usageMask ?? ENCRYPT_AND_DECRYPT),
    attributeOf('CryptographicLength', key.lengthBits ?? 256),
    ...furtherAttributes(key),
  ];
}

function furtherAttributes({ name, attributes = [] }: NewObjectOptions): readonly AttributeInput[] {
  return [...named(name), ...attributes];
}

function requestFields({
  certificateRequestType,
  certificateRequest,
}: Pick<CertificationRequest, 'certificateRequestType' | 'certificateRequest'>) {
  return { certificateRequestType, certificateRequest, certificateRequestValue: certificateRequest };
}

function keyPairOf(answer: ResponsePayload<'CreateKeyPair'>): KeyPair {
  const { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier } = answer;
  return { privateKeyUniqueIdentifier, publicKeyUniqueIdentifier };
}
