import { attributeNamesAt } from '../objects/computed.js';
import { noteServed } from '../objects/freshness.js';
import { retrieved } from '../wrapping/retrieval.js';
import { tellableAttributes } from './attributes.js';
import type { OperationHandler } from './handler.js';

/** Hands out an object with all of its attributes; of a destroyed one these alone. KMIP 1.4 §4.40, KMIP 2.1 §6.1.18. */
export const exportOperation: OperationHandler<'Export'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const attributes = tellableAttributes(object, attributeNamesAt(object, scope.nowSeconds), scope);
  const value = object.value && (await retrieved(object, payload, scope));
  if (value) noteServed(object, scope);
  scope.returns('Export', object.uniqueIdentifier);
  return {
    objectType: object.objectType,
    uniqueIdentifier: object.uniqueIdentifier,
    attributes,
    attributesStructure: attributes,
    object: value,
  };
};
