import { KmipError } from '../../wire/kmip/index.js';
import { demandIdentifier, importedObject } from '../objects/imported-object.js';
import { decodeObject, encodeObject } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import { quoted } from '../server/scope.js';
import { isWrapped } from '../wrapping/wrapped-form.js';
import { unwrapped } from '../wrapping/wrap.js';
import type { OperationHandler } from './handler.js';

/** Takes an object with its identifier and all of its attributes. KMIP 1.4 §4.41, KMIP 2.1 §6.1.25. */
export const importOperation: OperationHandler<'Import'> = async (payload, scope) => {
  const { uniqueIdentifier, objectType, keyWrapType, object: sent } = payload;
  demandIdentifier(uniqueIdentifier);
  if (objectType === undefined && scope.speaks2) {
    throw new KmipError('InvalidMessage', 'Import needs an Object Type from KMIP 2.0.');
  }
  if (objectType !== undefined && objectType !== sent.objectType) {
    throw new Refusal(
      'unknownObjectType',
      `Object Type says ${objectType}, but the object is a ${sent.objectType}.`,
    );
  }
  const existing = await scope.workspace.read(uniqueIdentifier);
  if (existing && !(payload.replaceExisting === true && existing.owner === scope.client.owner)) {
    throw new KmipError(
      'ObjectAlreadyExists',
      `There is an object ${quoted(uniqueIdentifier)} already. Choose another identifier, or Replace Existing if it is yours.`,
    );
  }
  // Whoever replaces an object must also be allowed to by its operation policy.
  if (existing) await scope.object(uniqueIdentifier, { archived: true });
  const opened = keyWrapType === 'NotWrapped' && isWrapped(sent) ? await unwrapped(sent, scope) : sent;
  // The object as received is a view on the message; what is kept is a copy of its own.
  const value = decodeObject(encodeObject(opened));
  const attributes = (scope.speaks2 ? payload.attributesStructure : payload.attributes) ?? [];
  const object = await importedObject({ uniqueIdentifier, value, attributes, existing }, scope);
  if (existing) scope.workspace.replace(existing, object);
  else scope.workspace.add(object);
  scope.returns('Import', uniqueIdentifier);
  return { uniqueIdentifier };
};
