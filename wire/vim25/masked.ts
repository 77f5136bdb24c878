import { dataType } from './registry.js';
import type { Method } from './registry.js';
import type { TypeExpression } from './type-expression.js';

const MASK = '[masked]';

/** The arguments of a call as a journal may keep them: fields that the tables call secret are masked. */
export function maskedArguments(
  method: Method,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return maskFields(method.params, given);
}

function maskFields(
  fields: ReadonlyMap<string, TypeExpression>,
  object: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => {
      return [name, fields.get(name)?.secret ? MASK : maskValue(value)];
    }),
  );
}

function maskValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskValue);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value !== 'object' || value === null) return value;
  const object = value as Readonly<Record<string, unknown>>;
  const type = typeof object._typeName === 'string' ? dataType(object._typeName) : undefined;
  return maskFields(type?.fields ?? new Map<string, TypeExpression>(), object);
}
