import { whenThere } from '../../core/promised.js';
import { noteServed } from '../objects/freshness.js';
import { retrieved } from '../wrapping/retrieval.js';
import type { OperationHandler } from './handler.js';

/** Hands out an object, in any state but destroyed. KMIP 1.4 §4.11. */
export const get: OperationHandler<'Get'> = (payload, scope) =>
  // The operation that everything waits for: what is in memory is answered at once.
  whenThere(scope.object(payload.uniqueIdentifier), (object) =>
    whenThere(retrieved(object, payload, scope), (value) => {
      noteServed(object, scope);
      return { objectType: object.objectType, uniqueIdentifier: object.uniqueIdentifier, object: value };
    }),
  );
