import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError, rankOf } from '../../wire/kmip/index.js';
import { foundAttributes, withFound } from '../objects/found-attributes.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { decodeObject, encodeObject } from '../objects/record.js';
import { Refusal } from '../refusals.js';
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
  const value = decodeObject(encodeObject(sent));
  const given = [...(await requestedAttributes(payload, scope)), ...namesIn(value)];
  const found = foundAttributes(value, given, scope.rank >= RANK_1_2);
  if (DESCRIBED.includes(objectType)) demandKeyAttributes([...given, ...found]);

  const object = withFound(await newObject(objectType, value, given, { madeHere: false }, scope), found);
  scope.workspace.add(object);
  scope.returns('Register', object.uniqueIdentifier);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

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
