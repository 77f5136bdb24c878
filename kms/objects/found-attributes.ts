import type {
  Attribute,
  AttributeName,
  EnumerationValue,
  ManagedObjectValue,
} from '../../wire/kmip/index.js';
import { attributeOf, attributeTextOf } from '../../wire/kmip/index.js';
import { sameValue } from '../attributes/changes.js';
import { attributeRule, isMultiple } from '../attributes/rules.js';
import type { KeyFacts } from '../keys/key-facts.js';
import { keyFacts } from '../keys/key-facts.js';
import { privateKeyOf, publicKeyOf } from '../keys/key-object.js';
import { Refusal } from '../refusals.js';
import { certificateAttributes } from './certificate.js';
import type { ManagedObject } from './managed-object.js';

/** Names that the same EC key goes by. */
const EC_ALGORITHMS: readonly unknown[] = ['EC', 'ECDSA', 'ECDH', 'ECMQV'];
/** Algorithms of asymmetric keys that this server can read; those of others are kept as they are. */
const READABLE: readonly unknown[] = ['RSA', 'DSA', 'DH', 'Ed25519', 'Ed448', ...EC_ALGORITHMS];
/** Key Format Types that are kept without a look inside. */
const CLOSED: readonly unknown[] = ['Opaque', 'PKCS_12'];

/**
 * Attributes that an object itself tells and the request does not (KMIP 1.4 §4.3).
 *
 * @param given attributes of the request
 * @throws Refusal `attributeValueInvalid` if the object contradicts them or itself
 * @throws KmipError `InvalidField` if the object cannot be read
 */
export function foundAttributes(
  value: ManagedObjectValue,
  given: readonly Attribute[],
  speaksEc: boolean,
): Attribute[] {
  return toldBy(value, given, speaksEc).filter((attribute) => {
    const others = given.filter(({ name }) => name === attribute.name);
    if (others.length === 0) return true;
    const rule = attributeRule(attribute.name);
    if (rule && isMultiple(rule, value.objectType)) return true;
    if (others.every((other) => agree(attribute, other))) return false;
    throw contradiction(attribute.name);
  });
}

/**
 * An object with what was found in it. Unlike what clients give, it is kept whatever version they speak, for those of
 * other versions.
 */
export function withFound(object: ManagedObject, found: readonly Attribute[]): ManagedObject {
  return found.reduce((known, { name, value }) => {
    const present = known.instances(name);
    if (present.some((instance) => sameValue(name, instance.value, value))) return known;
    return known.withInstances(name, [...present, { index: (present.at(-1)?.index ?? -1) + 1, value }]);
  }, object);
}

function toldBy(value: ManagedObjectValue, given: readonly Attribute[], speaksEc: boolean): Attribute[] {
  switch (value.objectType) {
    case 'Certificate':
      return certificateAttributes(value);
    case 'CertificateRequest':
      return requestAttributes(value, speaksEc);
    case 'PrivateKey':
    case 'PublicKey':
      return keyAttributes(value, given, speaksEc);
    case 'SymmetricKey':
      return symmetricAttributes(value);
    default:
      return 'keyBlock' in value ? blockAttributes(value) : [];
  }
}

type WithKeyBlock = Extract<ManagedObjectValue, { readonly keyBlock: unknown }>;

/** What the Key Block says of its key. */
function blockAttributes({ keyBlock }: WithKeyBlock): Attribute[] {
  const { cryptographicAlgorithm, cryptographicLength } = keyBlock;
  return [
    ...(cryptographicAlgorithm === undefined
      ? []
      : [attributeOf('CryptographicAlgorithm', cryptographicAlgorithm)]),
    ...(cryptographicLength === undefined ? [] : [attributeOf('CryptographicLength', cryptographicLength)]),
  ];
}

/** What a key pair's half is; a key that nobody here can read is what its Key Block says. */
function keyAttributes(
  value: Extract<WithKeyBlock, { readonly objectType: 'PrivateKey' | 'PublicKey' }>,
  given: readonly Attribute[],
  speaksEc: boolean,
): Attribute[] {
  const said = blockAttributes(value);
  const { keyValue, keyWrappingData, keyFormatType, cryptographicAlgorithm } = value.keyBlock;
  const claimed = cryptographicAlgorithm ?? valueIn(given, 'CryptographicAlgorithm');
  const sealed = keyValue === undefined || Buffer.isBuffer(keyValue) || keyWrappingData !== undefined;
  const closed = typeof keyFormatType === 'number' || CLOSED.includes(keyFormatType) || isEncrypted(value);
  if (sealed || closed || (claimed !== undefined && !READABLE.includes(claimed))) return said;

  const facts = keyFacts(value.objectType === 'PrivateKey' ? privateKeyOf(value) : publicKeyOf(value));
  const algorithm = cryptographicAlgorithm ?? spokenAlgorithm(facts.algorithm, speaksEc);
  for (const attribute of [...said, ...given]) demandTrue(attribute, facts);
  const length = value.keyBlock.cryptographicLength ?? facts.lengthBits;
  const { recommendedCurve, qLength } = facts;
  return [
    attributeOf('CryptographicAlgorithm', algorithm),
    attributeOf('CryptographicLength', length),
    ...(recommendedCurve === undefined && qLength === undefined
      ? []
      : [attributeOf('CryptographicDomainParameters', { recommendedCurve, qLength })]),
  ];
}

function requestAttributes(
  value: Extract<ManagedObjectValue, { readonly objectType: 'CertificateRequest' }>,
  speaksEc: boolean,
): Attribute[] {
  if (value.certificateRequestType !== 'PKCS_10' && value.certificateRequestType !== 'PEM') return [];
  const { algorithm, lengthBits } = keyFacts(publicKeyOf(value));
  return [
    attributeOf('CryptographicAlgorithm', spokenAlgorithm(algorithm, speaksEc)),
    attributeOf('CryptographicLength', lengthBits),
  ];
}

/** A plain key's length; with DES the parity bits may be counted or not (KMIP 1.4 §2.1.3). */
function symmetricAttributes(
  value: Extract<WithKeyBlock, { readonly objectType: 'SymmetricKey' }>,
): Attribute[] {
  const said = blockAttributes(value);
  const { keyValue, keyWrappingData, cryptographicLength, cryptographicAlgorithm } = value.keyBlock;
  if (keyValue === undefined || Buffer.isBuffer(keyValue) || keyWrappingData !== undefined) return said;
  const { keyMaterial } = keyValue;
  const bytes = Buffer.isBuffer(keyMaterial) ? keyMaterial : keyMaterial.key;
  if (!Buffer.isBuffer(bytes) || value.keyBlock.keyFormatType === 'Opaque') return said;
  if (cryptographicLength === undefined) return said;
  const bits = [
    bytes.length * 8,
    ...(String(cryptographicAlgorithm).startsWith('DES') ? [bytes.length * 7] : []),
  ];
  if (!bits.includes(cryptographicLength)) throw contradiction('CryptographicLength');
  return said;
}

/** EC is a name since KMIP 1.2; before that such keys were named after what they are for. */
function spokenAlgorithm(algorithm: KeyFacts['algorithm'], speaksEc: boolean): KeyFacts['algorithm'] {
  return algorithm === 'EC' && !speaksEc ? 'ECDSA' : algorithm;
}

/** @throws Refusal if a key is something else than its Key Block or its attributes say */
function demandTrue(attribute: Attribute, facts: KeyFacts): void {
  switch (attribute.name) {
    case 'CryptographicAlgorithm':
      if (!sameAlgorithm(attribute.value, facts.algorithm)) throw contradiction(attribute.name);
      break;
    case 'CryptographicLength': {
      // The length of P_521 keys is often given in whole bytes.
      const wholeBytes = Math.ceil(facts.lengthBits / 8) * 8;
      const curve = facts.recommendedCurve !== undefined;
      if (attribute.value !== facts.lengthBits && !(curve && attribute.value === wholeBytes)) {
        throw contradiction(attribute.name);
      }
      break;
    }
    case 'CryptographicDomainParameters': {
      const { recommendedCurve } = attribute.value as { readonly recommendedCurve?: unknown };
      if (recommendedCurve !== undefined && recommendedCurve !== facts.recommendedCurve) {
        throw contradiction(attribute.name);
      }
      break;
    }
    default:
  }
}

function sameAlgorithm(said: unknown, found: EnumerationValue<'CryptographicAlgorithm'>): boolean {
  if (said === found) return true;
  const curves: readonly unknown[] = [...EC_ALGORITHMS, 'Ed25519', 'Ed448'];
  return EC_ALGORITHMS.includes(said) && curves.includes(found);
}

/** Whether what is given says the same as what was found; of structures the found one may be fuller. */
function agree(found: Attribute, given: Attribute): boolean {
  if (found.name === 'CryptographicAlgorithm') return sameAlgorithm(given.value, found.value);
  if (typeof found.value === 'object' && !Buffer.isBuffer(found.value)) return true;
  return sameValue(found.name, found.value, given.value);
}

/** An EncryptedPrivateKeyInfo begins with an algorithm, a PrivateKeyInfo with a number (RFC 5958). */
function isEncrypted({ keyBlock }: WithKeyBlock): boolean {
  const { keyFormatType, keyValue } = keyBlock;
  if (keyFormatType !== 'PKCS_8' || keyValue === undefined || Buffer.isBuffer(keyValue)) return false;
  const { keyMaterial } = keyValue;
  if (!Buffer.isBuffer(keyMaterial)) return false;
  const header = keyMaterial[1] ?? 0;
  return keyMaterial[header < 0x80 ? 2 : 2 + (header & 0x7f)] === 0x30;
}

function valueIn(attributes: readonly Attribute[], name: AttributeName): unknown {
  return attributes.find((attribute) => attribute.name === name)?.value;
}

function contradiction(name: string): Refusal {
  return new Refusal(
    'attributeValueInvalid',
    `${attributeTextOf(name)} is given otherwise than the object itself says. Leave it out, or correct it.`,
  );
}
