import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError, attributeOf } from '../../wire/kmip/index.js';
import { certificateAttributes } from '../objects/certificate.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { decodeObject, encodeObject } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

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
  const value = decodeObject(encodeObject(sent));
  const given = await requestedAttributes(payload, scope);
  const attributes = [...given, ...attributesFound(value, given)];
  if ('keyBlock' in value && value.objectType !== 'SecretData') demandKeyAttributes(attributes);

  const object = await newObject(objectType, value, attributes, { madeHere: false }, scope);
  scope.workspace.add(object);
  scope.returns('Register', object.uniqueIdentifier);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** Attributes that the object itself tells and the request does not. @throws Refusal if they contradict each other */
function attributesFound(value: ManagedObjectValue, given: readonly Attribute[]): Attribute[] {
  const found: Attribute[] = [];
  if ('keyBlock' in value) {
    const { cryptographicAlgorithm, cryptographicLength } = value.keyBlock;
    if (cryptographicAlgorithm !== undefined)
      found.push(attributeOf('CryptographicAlgorithm', cryptographicAlgorithm));
    if (cryptographicLength !== undefined)
      found.push(attributeOf('CryptographicLength', cryptographicLength));
  } else if (value.objectType === 'Certificate') {
    found.push(...certificateAttributes(value));
  } else if (value.objectType === 'Template') {
    // The names of a template are given in it, and are how others find it (KMIP 1.4 §2.2.6).
    found.push(...(value.attributes ?? []).filter(({ name }) => name === 'Name'));
  }
  return found.filter((attribute) => {
    const other = given.find(({ name }) => name === attribute.name);
    if (
      other &&
      attribute.name !== 'Name' &&
      other.value !== attribute.value &&
      typeof other.value !== 'object'
    ) {
      throw new Refusal(
        'attributeValueInvalid',
        `${attribute.name} is given otherwise than the object itself says. Leave it out, or correct it.`,
      );
    }
    return !other || attribute.name === 'Name';
  });
}

function demandKeyAttributes(attributes: readonly Attribute[]): void {
  const has = (name: string): true | undefined => attributes.some((it) => it.name === name) || undefined;
  demandGiven(has('CryptographicAlgorithm'), 'Cryptographic Algorithm');
  demandGiven(has('CryptographicLength'), 'Cryptographic Length');
  demandGiven(has('CryptographicUsageMask'), 'Cryptographic Usage Mask');
}
