import { VimFault } from './fault.js';
import { INTEGER_BOUNDS, isPrimitive, parseBase64, parseDateTime } from './primitives.js';
import type { PrimitiveName } from './primitives.js';
import { arrayElementName, dataType, enumeration, isObjectType, isType, objectType } from './registry.js';
import type { Method } from './registry.js';
import type { TypeExpression } from './type-expression.js';
import { typeExpression } from './type-expression.js';
import type { Vim } from './vim.js';

/** Objects inside one another; the deepest real request, a recursive property selection, stays below 10. */
const DEPTH_LIMIT = 48;
/** Names and ids of managed objects, as vSphere makes them. */
const REFERENCE_TYPE = /^[A-Za-z][A-Za-z0-9]{0,79}$/;
const REFERENCE_VALUE = /^[\x21-\x7e]{1,200}$/;

/**
 * Reads a value of VI/JSON that must be of the type given.
 *
 * @param json what `JSON.parse` returned
 * @param path where it stands, for messages: `spec.disk[0].diskId`
 * @returns objects with `_typeName`, dates as Date, binary as Buffer; undefined if absent and optional
 * @throws VimFault `InvalidRequest` or `InvalidType` that names the path and what belongs there
 */
export function decodeJson(type: TypeExpression | string, json: unknown, path: string): unknown {
  return decodeValue(typeof type === 'string' ? typeExpression(type) : type, json, path, 0);
}

/**
 * Reads the body of a method call: an object with the arguments by name. Its own `_typeName` may be left out.
 *
 * @throws VimFault `InvalidRequest` or `InvalidType`
 */
export function decodeArguments(method: Method, body: unknown): Record<string, unknown> {
  const given = body ?? {};
  if (!isObject(given)) {
    throw invalidRequest('', `send the arguments of ${method.name} as a JSON object`);
  }
  // The WSDL's type of the arguments leaves out the suffix of methods that answer a task.
  const requestType = `${method.name.replace(/_Task$/, '')}RequestType`;
  const names = [undefined, requestType, `${method.name}RequestType`, `${method.name}Request`, method.name];
  if (!names.some((name) => name === given._typeName)) {
    throw invalidRequest('_typeName', `leave it out, or send ${requestType}`);
  }
  return decodeFields(method.name, method.params, given, '', 0);
}

/**
 * Reads the body of an answer with status 500; whatever is not a fault of the tables is told as `SystemError`.
 */
export function decodeFault(body: unknown): VimFault {
  if (isObject(body)) {
    const { faultstring, ...fault } = body;
    const text = typeof faultstring === 'string' ? faultstring : 'The peer gave no text.';
    try {
      return VimFault.from(decodeJson('MethodFault', fault, 'fault') as Vim<'MethodFault'>, text);
    } catch {
      return systemError(`The peer answered a fault that cannot be read: ${text.slice(0, 500)}`);
    }
  }
  return systemError('The peer answered an error that is no fault of VI/JSON.');
}

function decodeValue(type: TypeExpression, json: unknown, path: string, depth: number): unknown {
  if (json === undefined || json === null) {
    if (type.optional) return undefined;
    throw invalidRequest(path, 'required, but absent');
  }
  if (!type.array) return decodeSingle(type, json, path, depth);
  if (!Array.isArray(json)) throw invalidType(path, `expected an array of ${type.name}`);
  return json.map((element, index) => decodeSingle(type, element, `${path}[${index}]`, depth));
}

function decodeSingle(type: TypeExpression, json: unknown, path: string, depth: number): unknown {
  if (depth > DEPTH_LIMIT) throw invalidRequest(path, `objects inside one another beyond ${DEPTH_LIMIT}`);
  if (type.reference) return decodeReference(type.name, json, path);
  if (isPrimitive(type.name)) return decodePrimitive(type.name, json, path);
  if (type.name === 'anyType') return decodeAny(json, path, depth);
  const values = enumeration(type.name);
  return values
    ? decodeEnumerated(type.name, values, json, path)
    : decodeObject(type.name, json, path, depth);
}

function decodeObject(expected: string, json: unknown, path: string, depth: number): unknown {
  if (expected === 'ManagedObjectReference') return decodeReference('ManagedObject', json, path);
  const object = objectWithTypeName(json, path, expected);
  const type = dataType(object._typeName);
  if (!type) throw invalidType(path, `${quote(object._typeName)} is no data type that this service knows`);
  if (!type.lineage.has(expected)) throw invalidType(path, `${type.name} is not ${article(expected)}`);
  return { _typeName: type.name, ...decodeFields(type.name, type.fields, object, path, depth + 1) };
}

function decodeFields(
  owner: string,
  fields: ReadonlyMap<string, TypeExpression>,
  object: Readonly<Record<string, unknown>>,
  path: string,
  depth: number,
): Record<string, unknown> {
  for (const name of Object.keys(object)) {
    if (name !== '_typeName' && !fields.has(name)) {
      throw invalidRequest(join(path, quoteUnlessPlain(name)), `${owner} has no such field here`);
    }
  }
  const decoded: Record<string, unknown> = {};
  for (const [name, type] of fields) {
    const value = decodeValue(type, object[name], join(path, name), depth);
    if (value !== undefined) decoded[name] = value;
  }
  return decoded;
}

function decodeReference(expected: string, json: unknown, path: string): unknown {
  const object = objectWithTypeName(json, path, 'ManagedObjectReference');
  if (object._typeName !== 'ManagedObjectReference') {
    throw invalidType(path, 'expected a ManagedObjectReference');
  }
  const decoded = decodeFields('ManagedObjectReference', referenceFields(), object, path, 0);
  const { type, value } = decoded as { readonly type: string; readonly value: string };
  if (!REFERENCE_TYPE.test(type) || !REFERENCE_VALUE.test(value)) {
    throw invalidType(path, 'expected the type and the id of a managed object');
  }
  /* A type that only vSphere knows may stand anywhere; the call will find no such object. */
  if (expected !== 'ManagedObject' && objectType(type) && !isObjectType(type, expected)) {
    throw invalidType(path, `${type} is not ${article(expected)}`);
  }
  return { _typeName: 'ManagedObjectReference', ...decoded };
}

function decodeAny(json: unknown, path: string, depth: number): unknown {
  const object = objectWithTypeName(json, path, 'anyType');
  const name = object._typeName;
  if (dataType(name)) return decodeObject(name, json, path, depth);
  const element = arrayElementName(name) ?? name;
  const known =
    element === 'anyType' ||
    isPrimitive(element) ||
    (enumeration(element) ?? dataType(element)) !== undefined;
  if (!known) throw invalidType(path, `${quote(name)} is no type that this service knows`);
  for (const field of Object.keys(object)) {
    if (field !== '_typeName' && field !== '_value') {
      throw invalidRequest(join(path, quoteUnlessPlain(field)), `a boxed ${name} has no such field`);
    }
  }
  const type = typeExpression(element === name ? element : `${element}[]`);
  return { _typeName: name, _value: decodeValue(type, object._value, join(path, '_value'), depth + 1) };
}

function decodeEnumerated(name: string, values: ReadonlySet<string>, json: unknown, path: string): string {
  if (typeof json === 'string' && values.has(json)) return json;
  throw invalidType(path, `expected a ${name}: ${[...values].join(', ')}`);
}

function decodePrimitive(name: PrimitiveName, json: unknown, path: string): unknown {
  const value = PRIMITIVE_DECODERS[name](json);
  if (value === undefined) throw invalidType(path, `expected ${EXPECTATIONS[name]}`);
  return value;
}

const PRIMITIVE_DECODERS: Readonly<Record<PrimitiveName, (json: unknown) => unknown>> = {
  boolean: (json) => (typeof json === 'boolean' ? json : undefined),
  byte: (json) => integer('byte', json),
  short: (json) => integer('short', json),
  int: (json) => integer('int', json),
  long: (json) => integer('long', json),
  float: (json) => (typeof json === 'number' ? json : undefined),
  double: (json) => (typeof json === 'number' ? json : undefined),
  string: (json) => (typeof json === 'string' ? json : undefined),
  anyURI: (json) => (typeof json === 'string' ? json : undefined),
  dateTime: (json) => (typeof json === 'string' ? parseDateTime(json) : undefined),
  binary: (json) => (typeof json === 'string' ? parseBase64(json) : undefined),
};

const EXPECTATIONS: Readonly<Record<PrimitiveName, string>> = {
  boolean: 'true or false',
  byte: 'an integer of 8 bits',
  short: 'an integer of 16 bits',
  int: 'an integer of 32 bits',
  long: 'an integer within ±(2^53 - 1)',
  float: 'a number',
  double: 'a number',
  string: 'a string',
  anyURI: 'a string',
  dateTime: 'a date and time with zone, for example 2026-01-31T12:00:00Z',
  binary: 'base64 with padding',
};

function integer(name: keyof typeof INTEGER_BOUNDS, json: unknown): number | undefined {
  const [least, most] = INTEGER_BOUNDS[name];
  return typeof json === 'number' && Number.isInteger(json) && json >= least && json <= most
    ? json
    : undefined;
}

function objectWithTypeName(
  json: unknown,
  path: string,
  expected: string,
): Readonly<Record<string, unknown>> & { readonly _typeName: string } {
  if (!isObject(json)) throw invalidType(path, `expected an object with _typeName ${expected}`);
  const typeName = json._typeName;
  if (typeof typeName !== 'string') {
    const example = isType(expected, 'DynamicData') ? `, for example "${expected}"` : '';
    throw invalidRequest(join(path, '_typeName'), `every object needs it${example}`);
  }
  return json as Readonly<Record<string, unknown>> & { readonly _typeName: string };
}

function referenceFields(): ReadonlyMap<string, TypeExpression> {
  const type = dataType('ManagedObjectReference');
  if (!type) throw new Error('the type table has no ManagedObjectReference');
  return type.fields;
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function article(name: string): string {
  return /^[AEIOU]/.test(name) ? `an ${name}` : `a ${name}`;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function quoteUnlessPlain(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]{0,79}$/.test(name) ? name : quote(name);
}

function invalidRequest(path: string, problem: string): VimFault {
  return new VimFault('InvalidRequest', path === '' ? problem : `${path}: ${problem}`);
}

function invalidType(path: string, problem: string): VimFault {
  const text = path === '' ? problem : `${path}: ${problem}`;
  return new VimFault('InvalidType', text, { fields: { argument: path } });
}

function systemError(reason: string): VimFault {
  return new VimFault('SystemError', reason, { fields: { reason } });
}
