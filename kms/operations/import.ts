import { KmipError } from '../../wire/kmip/index.js';
import type { RequestPayload } from '../../wire/kmip/index.js';
import { demandIdentifier, importedObject } from '../objects/imported-object.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { newIdentifier } from '../objects/new-object.js';
import { decodeObject, encodeObject } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import { quoted } from '../server/scope.js';
import type { RequestScope } from '../server/scope.js';
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
  const existing = await existingOf(payload, scope);
  const identifier = await identifierFor(uniqueIdentifier, existing, scope);
  const opened = keyWrapType === 'NotWrapped' && isWrapped(sent) ? await unwrapped(sent, scope) : sent;
  // The object as received is a view on the message; what is kept is a copy of its own.
  const value = decodeObject(encodeObject(opened));
  const attributes = (scope.speaks2 ? payload.attributesStructure : payload.attributes) ?? [];
  const imported = { uniqueIdentifier: identifier, given: uniqueIdentifier, value, attributes, existing };
  const object = await importedObject(imported, scope);
  if (existing) scope.workspace.replace(existing, object);
  else scope.workspace.add(object);
  scope.returns('Import', identifier);
  return { uniqueIdentifier: identifier };
};

/**
 * The client's own object that is to be replaced; undefined if there is none.
 *
 * @throws KmipError `ObjectAlreadyExists` for an object that the client may know of and may not replace
 */
async function existingOf(
  { uniqueIdentifier, replaceExisting }: RequestPayload<'Import'>,
  scope: RequestScope,
): Promise<ManagedObject | undefined> {
  const existing = await scope.workspace.read(uniqueIdentifier);
  if (!existing || !scope.mayKnowOf(existing)) return undefined;
  if (replaceExisting !== true || existing.owner !== scope.client.owner) {
    throw new KmipError(
      'ObjectAlreadyExists',
      `There is an object ${quoted(uniqueIdentifier)} already. Choose another identifier, or Replace Existing if it is yours.`,
    );
  }
  // Whoever replaces an object must also be allowed to by its operation policy.
  return await scope.object(uniqueIdentifier, { archived: true });
}

/**
 * The identifier of what is imported: "provided in the request or assigned by the server" (KMIP 1.4 §4.41). One is
 * assigned in place of one that belongs to an object of which the client must not know, so that the answer does not
 * say that there is such an object; where even that is too much, `importedIdentifiers` has one assigned always. Own
 * choice.
 */
async function identifierFor(
  given: string,
  existing: ManagedObject | undefined,
  scope: RequestScope,
): Promise<string> {
  if (existing) return given;
  const kept = scope.config.importedIdentifiers === 'kept' && !(await scope.workspace.read(given));
  return kept ? given : newIdentifier(scope);
}
