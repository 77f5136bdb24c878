import * as z from 'zod';

/** A step from a configuration's root: a key of a mapping or an index of a list. */
export type ConfigPath = readonly PropertyKey[];

/** The schema without what only says that a value may be left out. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrapped(schema.def.innerType);
  }
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) {
    return unwrapped(schema.def.innerType);
  }
  return schema instanceof z.ZodPipe ? unwrapped(schema.def.in) : schema;
}

/** The schema that governs the value at `path` of `input`; undefined where there is none. */
export function schemaAt(
  schema: z.core.$ZodType,
  path: ConfigPath,
  input: unknown,
): z.core.$ZodType | undefined {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const next = childSchema(unwrapped(schema), step, input);
  return next && schemaAt(next, rest, childValue(input, step));
}

/** The value at `path`; undefined where the way ends earlier. */
export function valueAt(input: unknown, path: ConfigPath): unknown {
  return path.reduce(childValue, input);
}

/** The keys that a mapping may have; empty for anything else. */
export function keysOf(schema: z.core.$ZodType, input?: unknown): readonly string[] {
  const bare = unwrapped(schema);
  if (bare instanceof z.ZodObject) return Object.keys(bare.shape);
  if (bare instanceof z.ZodUnion) return keysOf(chosenOption(bare, input));
  return [];
}

/**
 * What a schema allows, in words, for example `a whole number from 0 to 65535` or `skp, nkp`.
 * A schema's metadata `allowed` replaces what would be derived.
 */
export function allowedBy(schema: z.core.$ZodType, input?: unknown): string | undefined {
  const told = tellings(schema).find((text) => text !== undefined);
  if (told !== undefined) return told;
  const bare = unwrapped(schema);
  if (bare instanceof z.ZodEnum) return bare.options.join(', ');
  if (bare instanceof z.ZodLiteral) return [...bare.values].join(', ');
  if (bare instanceof z.ZodBoolean) return 'true, false';
  if (bare instanceof z.ZodNumber) return allowedNumber(bare);
  if (bare instanceof z.ZodString || bare instanceof z.ZodStringFormat) return allowedText(bare);
  if (bare instanceof z.ZodArray) return allowedList(bare);
  if (bare instanceof z.ZodObject) return `a mapping with the keys ${Object.keys(bare.shape).join(', ')}`;
  if (bare instanceof z.ZodRecord) return 'a mapping';
  if (bare instanceof z.ZodUnion) return allowedOptions(bare, input);
  return undefined;
}

function tellings(schema: z.core.$ZodType): (string | undefined)[] {
  const meta = z.globalRegistry.get(schema)?.allowed;
  const own = typeof meta === 'string' ? meta : undefined;
  const inner =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
      ? tellings(schema.def.innerType)
      : [];
  return [own, ...inner];
}

function allowedNumber({ minValue, maxValue, format }: z.ZodNumber): string {
  const noun = format === null ? 'a number' : 'a whole number';
  if (isSet(minValue) && isSet(maxValue)) return `${noun} from ${minValue} to ${maxValue}`;
  if (isSet(minValue)) return `${noun}, at least ${minValue}`;
  return isSet(maxValue) ? `${noun}, at most ${maxValue}` : noun;
}

function isSet(bound: number | null): bound is number {
  return bound !== null && Math.abs(bound) < Number.MAX_SAFE_INTEGER;
}

function allowedText(bare: z.ZodString | z.ZodStringFormat): string {
  const { format, minLength, maxLength } = bare as z.ZodString;
  if (format !== null && format !== 'regex') return `text of the form ${format}`;
  if (minLength !== null && maxLength !== null) return `text of ${minLength} to ${maxLength} characters`;
  return maxLength === null ? 'text' : `text of at most ${maxLength} characters`;
}

function allowedList(bare: z.ZodArray): string {
  const element = allowedBy(bare.element);
  return element === undefined ? 'a list' : `a list, each item ${element}`;
}

function allowedOptions(bare: z.ZodUnion, input: unknown): string | undefined {
  const discriminator = discriminatorOf(bare);
  if (discriminator !== undefined) {
    if (childValue(input, discriminator) !== undefined) return allowedBy(chosenOption(bare, input));
    return `a mapping whose ${discriminator} is one of ${discriminatorValues(bare).join(', ')}`;
  }
  const options = bare.options.map((option) => allowedBy(option)).filter((text) => text !== undefined);
  return options.length === 0 ? undefined : options.join(', or ');
}

/** Values of the discriminator of a discriminated union. */
export function discriminatorValues(schema: z.core.$ZodType): readonly string[] {
  const bare = unwrapped(schema);
  const discriminator = bare instanceof z.ZodUnion ? discriminatorOf(bare) : undefined;
  if (!(bare instanceof z.ZodUnion) || discriminator === undefined) return [];
  return bare.options.flatMap((option) => {
    const literal = childSchema(unwrapped(option), discriminator, undefined);
    return literal instanceof z.ZodLiteral ? [...literal.values].map(String) : [];
  });
}

function discriminatorOf(union: z.ZodUnion): string | undefined {
  return union instanceof z.ZodDiscriminatedUnion ? union.def.discriminator : undefined;
}

/** The option that an input means: by its discriminator, else the one whose keys it has most of. */
function chosenOption(union: z.ZodUnion, input: unknown): z.core.$ZodType {
  const discriminator = discriminatorOf(union);
  const score = (option: z.core.$ZodType): number => {
    if (discriminator === undefined) {
      return keysOf(option).filter((key) => childValue(input, key) !== undefined).length;
    }
    const literal = childSchema(unwrapped(option), discriminator, undefined);
    return literal instanceof z.ZodLiteral && literal.values.has(childValue(input, discriminator) as string)
      ? 1
      : 0;
  };
  return union.options.reduce((best, option) => (score(option) > score(best) ? option : best));
}

function childSchema(bare: z.core.$ZodType, step: PropertyKey, input: unknown): z.core.$ZodType | undefined {
  if (bare instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.core.$ZodType>> = bare.shape;
    return Object.hasOwn(shape, step) ? shape[String(step)] : undefined;
  }
  if (bare instanceof z.ZodArray) return bare.element;
  if (bare instanceof z.ZodRecord) return bare.valueType;
  if (bare instanceof z.ZodUnion) return childSchema(unwrapped(chosenOption(bare, input)), step, input);
  return undefined;
}

function childValue(input: unknown, step: PropertyKey): unknown {
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, step)) return undefined;
  return (input as Record<PropertyKey, unknown>)[step];
}
