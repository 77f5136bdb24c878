import type { EnumerationValue } from '../../wire/kmip/index.js';
import type { StateName } from '../attributes/rules.js';
import { Refusal } from '../refusals.js';
import type { ManagedObject } from './managed-object.js';

/** What changes an object's state at a client's wish, and from which states. KMIP 1.4 §3.22, KMIP 2.1 §4.57. */
export const TRANSITIONS = {
  activate: { from: ['PreActive'], verb: 'activated' },
  deactivate: { from: ['Active'], verb: 'revoked for a reason other than a compromise' },
  compromise: {
    from: ['PreActive', 'Active', 'Deactivated', 'Destroyed'],
    verb: 'revoked as compromised',
  },
  destroy: { from: ['PreActive', 'Deactivated', 'Compromised'], verb: 'destroyed' },
} as const satisfies Record<string, { readonly from: readonly StateName[]; readonly verb: string }>;

/**
 * The state of an object at a time. It follows from the object's dates, so dates that come move the state without
 * anything being written.
 *
 * @param nowSeconds since 1970
 */
export function stateAt(object: ManagedObject, nowSeconds: number): StateName {
  const compromised = object.get('CompromiseDate') !== undefined;
  if (object.get('DestroyDate') !== undefined) return compromised ? 'DestroyedCompromised' : 'Destroyed';
  if (compromised) return 'Compromised';
  const activation = object.get('ActivationDate');
  if (activation === undefined || activation > nowSeconds) return 'PreActive';
  const deactivation = object.get('DeactivationDate');
  return deactivation !== undefined && deactivation <= nowSeconds ? 'Deactivated' : 'Active';
}

/** @throws Refusal `wrongState` if the object is not in a state from which the transition starts */
export function demandTransition(
  object: ManagedObject,
  transition: keyof typeof TRANSITIONS,
  nowSeconds: number,
): void {
  const state = stateAt(object, nowSeconds);
  const { from, verb } = TRANSITIONS[transition];
  if ((from as readonly StateName[]).includes(state)) return;
  throw new Refusal(
    'wrongState',
    `An object that is ${state} cannot be ${verb}; it must be ${from.join(' or ')}.`,
  );
}

/** Whether a Revocation Reason Code makes an object compromised (KMIP 1.4 §4.20). */
export function isCompromise(code: EnumerationValue<'RevocationReasonCode'>): boolean {
  return code === 'KeyCompromise' || code === 'CACompromise';
}
