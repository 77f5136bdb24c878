import type { VimFault } from './fault.js';
import { INTEGER_BOUNDS, isPrimitive } from './primitives.js';
import type { PrimitiveName } from './primitives.js';
import { arrayElementName, dataType, enumeration } from './registry.js';
import type { TypeExpression } from './type-expression.js';
import { typeExpression } from './type-expression.js';

/*
 * What is encoded here comes from kpsim itself, so a wrong value is a defect and an Error, never a fault: the
 * tables hold the program to what it promises its clients.
 */

/**
 * Writes a value of the type given as VI/JSON, for `JSON.stringify`.
 *
 * @throws Error if the value is not of that type, which is a defect
 */
export function encodeJson(type: TypeExpression | string, value: unknown): unknown {
  const expression = typeof type === 'string' ? typeExpression(type) : type;
  return encodeValue(expression, value, expression.name);
}

/** The body of an answer with status 500: the fault and, as `faultstring`, its text. */
export function encodeFault(fault: VimFault): unknown {
  const encoded = encodeJson('MethodFault', fault.toMethodFault()) as Record<string, unknown>;
  return { ...encoded, faultstring: fault.message };
}

function encodeValue(type: TypeExpression, value: unknown, path: string): unknown {
  if (value === undefined || value === null) {
    if (type.optional || type.name === 'void') return undefined;
    throw defect(path, `absent, but ${type.text} is required`);
  }
  if (!type.array) return encodeSingle(type, value, path);
  if (!Array.isArray(value)) throw defect(path, `not an array of ${type.name}`);
  return value.map((element, index) => encodeSingle(type, element, `${path}[${index}]`));
}

function encodeSingle(type: TypeExpression, value: unknown, path: string): unknown {
  if (type.reference) return encodeObject('ManagedObjectReference', value, path);
  if (isPrimitive(type.name)) return encodePrimitive(type.name, value, path);
  if (type.name === 'anyType') return encodeAny(value, path);
  const values = enumeration(type.name);
  if (!values) return encodeObject(type.name, value, path);
  if (typeof value === 'string' && values.has(value)) return value;
  throw defect(path, `not a ${type.name}`);
}

function encodeObject(expected: string, value: unknown, path: string): unknown {
  const typeName = typeNameOf(value);
  const type = typeName === undefined ? undefined : dataType(typeName);
  if (!type?.lineage.has(expected)) throw defect(path, `${String(typeName)} is not a ${expected}`);
  const given = value as Readonly<Record<string, unknown>>;
  const encoded: Record<string, unknown> = { _typeName: type.name };
  for (const [name, field] of type.fields) {
    const member = encodeValue(field, given[name], `${path}.${name}`);
    if (member !== undefined) encoded[name] = member;
  }
  return encoded;
}

function encodeAny(value: unknown, path: string): unknown {
  const name = typeNameOf(value);
  if (name === undefined) throw defect(path, 'a value of any type needs _typeName');
  if (dataType(name)) return encodeObject(name, value, path);
  const element = arrayElementName(name);
  const type = typeExpression(element === undefined ? name : `${element}[]`);
  const boxed = (value as Readonly<Record<string, unknown>>)._value;
  return { _typeName: name, _value: encodeValue(type, boxed, `${path}._value`) };
}

function encodePrimitive(name: PrimitiveName, value: unknown, path: string): unknown {
  switch (name) {
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'byte':
    case 'short':
    case 'int':
    case 'long': {
      const [least, most] = INTEGER_BOUNDS[name];
      if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most)
        return value;
      break;
    }
    case 'float':
    case 'double':
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      break;
    case 'string':
    case 'anyURI':
      if (typeof value === 'string') return value;
      break;
    case 'dateTime':
      if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
      break;
    case 'binary':
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      break;
  }
  throw defect(path, `not a ${name}`);
}

function typeNameOf(value: unknown): string | undefined {
  const found = typeof value === 'object' && value !== null && '_typeName' in value && value._typeName;
  return typeof found === 'string' ? found : undefined;
}

function defect(path: string, problem: string): Error {
  return new Error(`cannot encode ${path}: ${problem}`);
}
