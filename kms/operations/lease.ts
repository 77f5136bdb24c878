import type { StateName } from '../attributes/rules.js';
import { stateAt } from '../objects/lifecycle.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/** States in which an object must not be used any more, or not trusted (OASIS KMIP 1.1 test case 9.5). */
const WITHOUT_LEASE: readonly StateName[] = ['Compromised', 'Destroyed', 'DestroyedCompromised'];

/** Tells how long an object may be kept in a client's cache. KMIP 1.4 §4.17. */
export const obtainLease: OperationHandler<'ObtainLease'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  if (object.objectType === 'Template') {
    throw new Refusal('wrongObjectType', 'There are no leases of Templates. Name a cryptographic object.');
  }
  const state = stateAt(object, scope.nowSeconds);
  if (WITHOUT_LEASE.includes(state)) {
    throw new Refusal('leaseNotGranted', `There are no leases of an object that is ${state}.`);
  }
  return {
    uniqueIdentifier: object.uniqueIdentifier,
    leaseTime: object.get('LeaseTime') ?? scope.config.leaseSeconds,
    lastChangeDate: object.get('LastChangeDate') ?? scope.nowSeconds,
  };
};
