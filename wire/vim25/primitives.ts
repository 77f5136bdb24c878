/** Integers of the data model and their bounds; `long` is held to what a JavaScript number holds exactly. */
export const INTEGER_BOUNDS = {
  byte: [-128, 127],
  short: [-32_768, 32_767],
  int: [-2_147_483_648, 2_147_483_647],
  long: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
} as const satisfies Record<string, readonly [number, number]>;

/** What each primitive is in memory: a `dateTime` is a Date, `binary` bytes, every number a number. */
export interface PrimitiveValues {
  readonly boolean: boolean;
  readonly byte: number;
  readonly short: number;
  readonly int: number;
  readonly long: number;
  readonly float: number;
  readonly double: number;
  readonly string: string;
  readonly anyURI: string;
  readonly dateTime: Date;
  readonly binary: Uint8Array;
}

/** Name of a primitive type. */
export type PrimitiveName = keyof PrimitiveValues;

/** All primitive types. */
export const PRIMITIVE_NAMES = [
  'boolean',
  'byte',
  'short',
  'int',
  'long',
  'float',
  'double',
  'string',
  'anyURI',
  'dateTime',
  'binary',
] as const satisfies readonly PrimitiveName[];

const primitives: ReadonlySet<string> = new Set(PRIMITIVE_NAMES);

/** Whether a type is a primitive. */
export function isPrimitive(name: string): name is PrimitiveName {
  return primitives.has(name);
}

/** XML Schema's dateTime with a zone, to the nanosecond as vSphere sends it. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Reads an XML Schema dateTime that names its zone; undefined if it is none. */
export function parseDateTime(text: string): Date | undefined {
  if (text.length > 40 || !DATE_TIME.test(text)) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Reads base64 with padding; undefined if it is none. */
export function parseBase64(text: string): Buffer | undefined {
  return text.length % 4 === 0 && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}
