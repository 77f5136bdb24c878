import { KmipError } from '../../wire/kmip/index.js';
import { demandTransition, isCompromise } from '../objects/lifecycle.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/** KMIP 1.4 §4.19. */
export const activate: OperationHandler<'Activate'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  demandLifecycle(object);
  demandTransition(object, 'activate', scope.nowSeconds);
  const now = scope.nowSeconds;
  scope.workspace.replace(object, object.with({ ActivationDate: now, LastChangeDate: now }));
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** KMIP 1.4 §4.20. */
export const revoke: OperationHandler<'Revoke'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  demandLifecycle(object);
  const { revocationReason, compromiseOccurrenceDate } = payload;
  if (typeof revocationReason.code === 'number') {
    throw new KmipError('InvalidField', 'The Revocation Reason Code is not one of the specification.');
  }
  const now = scope.nowSeconds;
  const changed = object.with({ RevocationReason: revocationReason, LastChangeDate: now });
  if (isCompromise(revocationReason.code)) {
    demandTransition(object, 'compromise', now);
    const occurred = compromiseOccurrenceDate ?? object.get('InitialDate');
    scope.workspace.replace(
      object,
      changed.with({ CompromiseDate: now, CompromiseOccurrenceDate: occurred }),
    );
  } else {
    if (compromiseOccurrenceDate !== undefined) {
      throw new KmipError(
        'InvalidField',
        'Compromise Occurrence Date is for compromises only. Leave it out.',
      );
    }
    demandTransition(object, 'deactivate', now);
    scope.workspace.replace(object, changed.with({ DeactivationDate: now }));
  }
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** Removes the key material and keeps the attributes; a template goes altogether. KMIP 1.4 §4.21. */
export const destroy: OperationHandler<'Destroy'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const now = scope.nowSeconds;
  if (object.objectType === 'Template') {
    scope.workspace.remove(object);
  } else {
    if (!object.value) {
      throw new Refusal('objectDestroyedAlready', `Object ${object.uniqueIdentifier} is destroyed already.`);
    }
    demandTransition(object, 'destroy', now);
    scope.workspace.replace(object, object.withoutValue().with({ DestroyDate: now, LastChangeDate: now }));
  }
  return { uniqueIdentifier: object.uniqueIdentifier };
};

function demandLifecycle(object: ManagedObject): void {
  if (object.objectType !== 'Template') return;
  throw new Refusal('wrongObjectType', 'A Template has no lifecycle. Name an object made from it.');
}
