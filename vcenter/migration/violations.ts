import type { Vim, VimObject } from '../../wire/vim25/index.js';
import { VimFault, boxed } from '../../wire/vim25/index.js';
import type { Violation } from './rule.js';

/** Prefix of the message keys that carry a rule's number. */
export const RULE_KEY_PREFIX = 'kpsim.rule.';

/**
 * A violated rule as the fault of its row. The fault's messages begin with the key `kpsim.rule.<number>`, whose
 * arguments are `detail` and `remedy`, followed by
 * vSphere's own key where the row names one.
 */
export function faultOf(violation: Violation): VimFault {
  const { rule, fault, detail, remedy, messageKey, fields } = violation;
  const message = `${detail} ${remedy}`;
  const object = {
    ...reasonOf(fault, message),
    ...fields,
    _typeName: fault,
    faultMessage: [
      {
        _typeName: 'LocalizableMessage',
        key: `${RULE_KEY_PREFIX}${rule}`,
        message,
        arg: argumentsOf({ detail, remedy }),
      },
      ...(messageKey === undefined
        ? []
        : [{ _typeName: 'LocalizableMessage', key: messageKey, message: detail }]),
    ],
  };
  return VimFault.from(object as unknown as Vim<'MethodFault'>, message); // each row gives the fields of its fault
}

/** Refuses with the first violation that is more than a warning. @throws VimFault */
export function refuseIfViolated(violations: readonly Violation[]): void {
  const first = violations.find(({ severity }) => severity === 'error');
  if (first) throw faultOf(first);
}

/** The parts of a message, for clients that show them apart. */
function argumentsOf(parts: Readonly<Record<string, string>>): readonly VimObject<'KeyAnyValue'>[] {
  return Object.entries(parts).map(([key, text]) => ({
    _typeName: 'KeyAnyValue',
    key,
    value: boxed('string', text),
  }));
}

/** Faults whose text stands in a field of their own. */
function reasonOf(fault: VimFault['fault'], reason: string): { readonly reason?: string } {
  return fault === 'GenericVmConfigFault' || fault === 'SystemError' ? { reason } : {};
}
