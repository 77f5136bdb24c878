import { VIM_OBJECTS } from './objects/index.js';
import { PRIMITIVE_NAMES, isPrimitive } from './primitives.js';
import type { MethodSignature, ObjectRow, TypeExpression, TypeRow } from './type-expression.js';
import { typeExpression } from './type-expression.js';
import { ENUMERATIONS, VIM_TYPES } from './types/index.js';

/** A data type with everything that it inherits. */
export interface DataType {
  readonly name: string;
  /** The type itself, its base, the base's base, … */
  readonly lineage: ReadonlySet<string>;
  /** Inherited fields first, as SOAP orders them. */
  readonly fields: ReadonlyMap<string, TypeExpression>;
}

/** A method that can be called, with its parsed types. */
export interface Method {
  readonly name: string;
  readonly params: ReadonlyMap<string, TypeExpression>;
  readonly result: TypeExpression;
  readonly privilege: string | null;
}

/** A managed object type with everything that it inherits. */
export interface ObjectType {
  readonly name: string;
  readonly lineage: ReadonlySet<string>;
  readonly properties: ReadonlyMap<string, TypeExpression>;
  readonly methods: ReadonlyMap<string, Method>;
}

/* Maps, never plain objects: names come from clients, and `constructor` must not be found. */
const typeRows = new Map<string, TypeRow>(Object.entries(VIM_TYPES));
const objectRows = new Map<string, ObjectRow>(Object.entries(VIM_OBJECTS));
const enumerations = new Map<string, ReadonlySet<string>>(
  Object.entries(ENUMERATIONS).map(([name, values]) => [name, new Set<string>(values)]),
);

const dataTypes = new Map<string, DataType>();
for (const name of typeRows.keys()) buildDataType(name);
const objectTypes = new Map<string, ObjectType>();
for (const name of objectRows.keys()) buildObjectType(name);
const arrayElements = new Map<string, string>(
  ['anyType', ...dataTypes.keys(), ...enumerations.keys(), ...PRIMITIVE_NAMES].map((name) => [
    arrayTypeName(name),
    name,
  ]),
);

/** The data type of that name; undefined if kpsim has none. */
export function dataType(name: string): DataType | undefined {
  return dataTypes.get(name);
}

/** The managed object type of that name; undefined if kpsim has none. */
export function objectType(name: string): ObjectType | undefined {
  return objectTypes.get(name);
}

/** The values of an enumerated type; undefined if kpsim has none of that name. */
export function enumeration(name: string): ReadonlySet<string> | undefined {
  return enumerations.get(name);
}

/** Whether a data type is `base` or derived from it. */
export function isType(name: string, base: string): boolean {
  return dataTypes.get(name)?.lineage.has(base) ?? false;
}

/** Whether a managed object type is `base` or derived from it. */
export function isObjectType(name: string, base: string): boolean {
  return objectTypes.get(name)?.lineage.has(base) ?? false;
}

/** The type of a boxed array of `name`: `ArrayOfString`, `ArrayOfVirtualDevice`. */
export function arrayTypeName(name: string): string {
  return `ArrayOf${name.slice(0, 1).toUpperCase()}${name.slice(1)}`;
}

/** The element type of a boxed array type; undefined if it is none. */
export function arrayElementName(arrayName: string): string | undefined {
  return arrayElements.get(arrayName);
}

function buildDataType(name: string): DataType {
  const built = dataTypes.get(name);
  if (built) return built;
  const row = typeRows.get(name);
  if (!row) throw new Error(`the type table has no ${name}`);
  const base = row.extends === null ? undefined : buildDataType(row.extends);
  const type: DataType = {
    name,
    lineage: new Set([name, ...(base?.lineage ?? [])]),
    fields: new Map([...(base?.fields ?? []), ...parseAll(row.fields)]),
  };
  dataTypes.set(name, type);
  return type;
}

function buildObjectType(name: string): ObjectType {
  const built = objectTypes.get(name);
  if (built) return built;
  const row = objectRows.get(name);
  if (!row) throw new Error(`the managed object table has no ${name}`);
  const base = row.extends === null ? undefined : buildObjectType(row.extends);
  const type: ObjectType = {
    name,
    lineage: new Set([name, ...(base?.lineage ?? [])]),
    properties: new Map([...(base?.properties ?? []), ...parseAll(row.properties)]),
    methods: new Map([
      ...(base?.methods ?? []),
      ...Object.entries(row.methods).map(([method, row]) => [method, parseMethod(method, row)] as const),
    ]),
  };
  objectTypes.set(name, type);
  return type;
}

function parseMethod(name: string, row: MethodSignature): Method {
  return {
    name,
    params: new Map(parseAll(row.params)),
    result: typeExpression(row.result),
    privilege: row.privilege,
  };
}

function parseAll(fields: Readonly<Record<string, string>>): [string, TypeExpression][] {
  return Object.entries(fields).map(([name, text]) => {
    const expression = typeExpression(text);
    if (!isKnown(expression)) throw new Error(`the tables have no type ${text} of the field ${name}`);
    return [name, expression];
  });
}

function isKnown({ name, reference }: TypeExpression): boolean {
  if (reference) return objectRows.has(name);
  return (
    isPrimitive(name) || name === 'anyType' || name === 'void' || enumerations.has(name) || typeRows.has(name)
  );
}
