import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError, attributeOf, rankOf } from '../../wire/kmip/index.js';
import { foundAttributes, withFound } from '../objects/found-attributes.js';
import { withLink } from '../objects/links.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import type { RegisteredContainer } from '../objects/pkcs12.js';
import { registeredContainer } from '../objects/pkcs12.js';
import { decodeObject, encodeObject } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import { withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

const RANK_1_2 = rankOf('1.2');

/** Takes an object that the client made. KMIP 1.4 §4.3. */
export const register: OperationHandler<'Register'> = async (payload, scope) => {
  const { objectType, object: sent } = payload;
  if (typeof objectType !== 'string') {
    throw new Refusal('unknownObjectType', `There is no Object Type 0x${objectType.toString(16)}.`);
  }
  if (!sent) throw new KmipError('InvalidMessage', 'Register needs the object itself after its attributes.');
  if (sent.objectType !== objectType) {
    throw new Refusal(
      'unknownObjectType',
      `Object Type says ${objectType}, but the object is a ${sent.objectType}.`,
    );
  }
  // The object as received is a view on the message; what is kept is a copy of its own.
  const kept = decodeObject(encodeObject(sent));
  const asked = await requestedAttributes(payload, scope);
  const container = containerIn(kept);
  const opened = container && (await registeredContainer(container, asked, scope));
  const value = opened?.value ?? kept;
  const given = withDefaults([...asked, ...namesIn(value)], friendlyNameIn(opened));
  const found = foundAttributes(value, given, scope.rank >= RANK_1_2);
  if (DESCRIBED.includes(objectType)) demandKeyAttributes([...given, ...found]);

  const made = withFound(await newObject(objectType, value, given, { madeHere: false }, scope), found);
  const certificate = opened?.certificateIdentifier;
  const object = certificate === undefined ? made : withLink(made, 'PKCS_12CertificateLink', certificate);
  scope.workspace.add(object);
  scope.returns('Register', object.uniqueIdentifier);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** The PKCS#12 container that a Private Key came as: bytes in place of the Key Value, or in it. */
function containerIn(value: ManagedObjectValue): Buffer | undefined {
  if (value.objectType !== 'PrivateKey' || value.keyBlock.keyFormatType !== 'PKCS_12') return undefined;
  const { keyValue, keyWrappingData } = value.keyBlock;
  if (keyValue === undefined || keyWrappingData !== undefined) return undefined;
  if (Buffer.isBuffer(keyValue)) return keyValue;
  return Buffer.isBuffer(keyValue.keyMaterial) ? keyValue.keyMaterial : undefined;
}

function friendlyNameIn(opened: RegisteredContainer | undefined): Attribute[] {
  return opened?.friendlyName === undefined ? [] : [attributeOf('PKCS_12FriendlyName', opened.friendlyName)];
}

/** The names of a template are given in it, and are how others find it (KMIP 1.4 §2.2.6). */
function namesIn(value: ManagedObjectValue): Attribute[] {
  if (value.objectType !== 'Template') return [];
  return (value.attributes ?? []).filter(({ name }) => name === 'Name');
}

/**
 * Types whose algorithm, length and use must be known. A PGP key tells them itself (OASIS test case TC-PGP-1-14), and
 * parts of a key are of use only once they are joined (TC-SJ-3-14).
 */
const DESCRIBED: readonly string[] = ['SymmetricKey', 'PublicKey', 'PrivateKey'];

function demandKeyAttributes(attributes: readonly Attribute[]): void {
  const has = (name: string): true | undefined => attributes.some((it) => it.name === name) || undefined;
  demandGiven(has('CryptographicAlgorithm'), 'Cryptographic Algorithm');
  demandGiven(has('CryptographicLength'), 'Cryptographic Length');
  demandGiven(has('CryptographicUsageMask'), 'Cryptographic Usage Mask');
}
