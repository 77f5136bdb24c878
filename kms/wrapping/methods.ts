import type {
  EnumerationValue,
  KeyWrappingData,
  KeyWrappingSpecification,
  NameIn,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';

/** What a Wrapping Method does with the encoded Key Value. */
export interface WrappingMethod {
  readonly encrypts: boolean;
  /** What the MAC or signature is of; undefined if there is none. */
  readonly authenticates?: 'plain' | 'encrypted';
}

/**
 * The Wrapping Methods. KMIP 1.4 §2.1.5 and §9.1.3.2.4. Own choice where these leave open what is authenticated: MAC
 * or signature stand in MAC/Signature and are never encrypted; with MAC/sign alone the Key Value stays as it is.
 */
const METHODS: Partial<Record<NameIn<'WrappingMethod'>, WrappingMethod>> = {
  Encrypt: { encrypts: true },
  MACSign: { encrypts: false, authenticates: 'plain' },
  EncryptThenMACSign: { encrypts: true, authenticates: 'encrypted' },
  MACSignThenEncrypt: { encrypts: true, authenticates: 'plain' },
};

/** The row of a Wrapping Method. @throws Refusal `keyWrapTypeNotSupported` */
export function methodOf(wrappingMethod: EnumerationValue<'WrappingMethod'>): WrappingMethod {
  const method = typeof wrappingMethod === 'string' ? METHODS[wrappingMethod] : undefined;
  if (method) return method;
  throw new Refusal(
    'keyWrapTypeNotSupported',
    `Wrapping Method ${wrappingMethod} is not performed here; use ${Object.keys(METHODS).join(', ')}.`,
  );
}

/** Each key that the method uses must be named, and no other. @throws KmipError `InvalidField` */
export function demandInformation(
  {
    encryptionKeyInformation,
    macSignatureKeyInformation,
  }: Pick<
    KeyWrappingSpecification | KeyWrappingData,
    'encryptionKeyInformation' | 'macSignatureKeyInformation'
  >,
  { encrypts, authenticates }: WrappingMethod,
): void {
  const fits =
    (encryptionKeyInformation !== undefined) === encrypts &&
    (macSignatureKeyInformation !== undefined) === (authenticates !== undefined);
  if (fits) return;
  throw new KmipError(
    'InvalidField',
    'Give Encryption Key Information if the Wrapping Method encrypts, and MAC/Signature Key Information if it MACs or signs.',
  );
}
