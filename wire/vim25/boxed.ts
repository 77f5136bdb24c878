import { isPrimitive } from './primitives.js';
import { arrayTypeName, enumeration } from './registry.js';
import type { TypeExpression } from './type-expression.js';
import { typeExpression } from './type-expression.js';
import type { AnyValue, Boxed } from './vim.js';

/**
 * Puts a value of a known type where any type may stand: primitives, enumerated values and arrays are boxed with
 * their type, objects carry theirs already. Example: `boxed('string', 'vm-1')`, `boxed('VirtualDisk[]', disks)`.
 */
export function boxed(type: string | TypeExpression, value: unknown): AnyValue {
  const { name, array, reference } = typeof type === 'string' ? typeExpression(type) : type;
  const element = reference ? 'ManagedObjectReference' : name;
  if (array) return { _typeName: arrayTypeName(element), _value: value };
  if (isPrimitive(element) || enumeration(element)) return { _typeName: element, _value: value };
  return value as AnyValue;
}

/** Whether a value stands boxed with its type. */
export function isBoxed(value: AnyValue): value is Boxed {
  return '_value' in value;
}
