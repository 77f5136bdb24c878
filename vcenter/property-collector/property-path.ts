import type { AnyValue, TypeExpression } from '../../wire/vim25/index.js';
import { boxed, dataType } from '../../wire/vim25/index.js';

/** Steps that one property path may have. */
const DEPTH_LIMIT = 16;

/** A step of a path: a field, or an element of an array by its key, as in `device[2000]`. */
const STEP = /^([A-Za-z][A-Za-z0-9]*)(?:\[("?)([^"\]]+)\2\])?$/;

/** What was found at the end of a path. */
export type PathResult =
  | { readonly found: true; readonly value: AnyValue | undefined }
  /** The path names something that the type does not have. */
  | { readonly found: false };

/**
 * Follows the rest of a property path into a value: `config.hardware.device` after `config` was read.
 *
 * @param type type of the value, as the tables have it
 * @param steps what comes after the property's own name
 */
export function followPath(type: TypeExpression, value: unknown, steps: readonly string[]): PathResult {
  if (steps.length > DEPTH_LIMIT) return { found: false };
  let expression = type;
  let current = value;
  for (const step of steps) {
    if (current === undefined) return { found: true, value: undefined };
    const next = takeStep(expression, current, step);
    if (!next) return { found: false };
    ({ expression, current } = next);
  }
  return { found: true, value: current === undefined ? undefined : boxed(expression, current) };
}

/** Splits `config.extraConfig["a.b"].value` at the dots outside of brackets. */
export function splitPath(path: string): readonly string[] {
  return path.match(/[^.[\]]+(\[[^\]]*\])?/g) ?? [];
}

function takeStep(
  type: TypeExpression,
  value: unknown,
  step: string,
): { expression: TypeExpression; current: unknown } | undefined {
  const [, field, , key] = STEP.exec(step) ?? [];
  if (field === undefined || typeof value !== 'object' || value === null || type.array) return undefined;
  const object = value as Readonly<Record<string, unknown>>;
  const name = typeof object._typeName === 'string' ? object._typeName : type.name;
  const expression = dataType(name)?.fields.get(field);
  if (!expression) return undefined;
  const current = object[field];
  if (key === undefined) return { expression, current };
  if (!expression.array || !Array.isArray(current)) return undefined;
  const element: unknown = current.find((each) => keyOf(each) === key);
  return { expression: { ...expression, array: false }, current: element };
}

function keyOf(element: unknown): string | undefined {
  if (typeof element !== 'object' || element === null || !('key' in element)) return undefined;
  return String(element.key);
}
