import { noteServed } from '../objects/freshness.js';
import { retrieved } from '../wrapping/retrieval.js';
import type { OperationHandler } from './handler.js';

/** Hands out an object, in any state but destroyed. KMIP 1.4 §4.11. */
export const get: OperationHandler<'Get'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const value = await retrieved(object, payload, scope);
  noteServed(object, scope);
  return { objectType: object.objectType, uniqueIdentifier: object.uniqueIdentifier, object: value };
};
