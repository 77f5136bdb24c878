import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/**
 * Puts an object into archival storage, which here means that it has to be recovered before it is used again; it is
 * done at once. KMIP 1.4 §4.22.
 */
export const archive: OperationHandler<'Archive'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const { uniqueIdentifier } = object;
  if (!object.value) {
    throw new Refusal(
      'objectDestroyed',
      `Object ${uniqueIdentifier} is destroyed; there is nothing to archive.`,
    );
  }
  const now = scope.nowSeconds;
  scope.workspace.replace(object, object.with({ ArchiveDate: now, LastChangeDate: now }));
  return { uniqueIdentifier };
};

/** Brings an object back on-line, at once; one that is on-line stays as it is. KMIP 1.4 §4.23. */
export const recover: OperationHandler<'Recover'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier, { archived: true });
  const { uniqueIdentifier } = object;
  if (object.get('ArchiveDate') !== undefined) {
    const recovered = object.withInstances('ArchiveDate', []).with({ LastChangeDate: scope.nowSeconds });
    scope.workspace.replace(object, recovered);
  }
  return { uniqueIdentifier };
};
