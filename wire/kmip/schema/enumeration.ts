import { KmipError } from '../errors.js';
import { ENUMERATIONS } from '../tables/enumerations/index.js';
import type { EnumerationRow } from '../tables/enumerations/index.js';
import { existsIn } from '../versions.js';
import type { Codec } from './codec.js';

/** Name of an enumeration, for example `CryptographicAlgorithm`. */
export type EnumerationName = keyof typeof ENUMERATIONS;

/** Names of the values of an enumeration, for example `'AES' | 'DES3' | …`. */
export type NameIn<E extends EnumerationName> = keyof (typeof ENUMERATIONS)[E] & string;

/** A value of an enumeration: its name, or the number of one that no version defines (extensions, 0x8…). */
export type EnumerationValue<E extends EnumerationName> = NameIn<E> | number;

/** Name of an operation. */
export type OperationName = NameIn<'Operation'>;
/** Name of a result reason. */
export type ResultReasonName = NameIn<'ResultReason'>;

const NAMES_BY_VALUE = new Map<EnumerationName, Map<number, string>>();

/** The rows of an enumeration, by name. */
export function enumerationRows<E extends EnumerationName>(
  enumeration: E,
): Readonly<Record<NameIn<E>, EnumerationRow>> {
  return ENUMERATIONS[enumeration] as Readonly<Record<NameIn<E>, EnumerationRow>>;
}

/** Name of a value, or the value itself if no version names it. */
export function enumerationValueOf<E extends EnumerationName>(
  enumeration: E,
  value: number,
): EnumerationValue<E> {
  return (namesOf(enumeration).get(value) as NameIn<E> | undefined) ?? value;
}

/** Whether the version of this rank has the value; numbers without a name are taken as agreed extensions. */
export function enumerationExistsIn<E extends EnumerationName>(
  enumeration: E,
  value: EnumerationValue<E>,
  rank: number,
): boolean {
  return typeof value === 'number' || existsIn(enumerationRows(enumeration)[value], rank);
}

const CODECS = new Map<EnumerationName, Codec<EnumerationValue<EnumerationName>>>();

/** The codec of an enumeration. */
export function enumeration<E extends EnumerationName>(name: E): Codec<EnumerationValue<E>> {
  const known = CODECS.get(name);
  // The map holds one codec per name, of that name's own type.
  if (known) return known;
  const names = namesOf(name);
  const rows = enumerationRows(name);
  const codec: Codec<EnumerationValue<E>> = {
    read(reader) {
      const value = reader.enumeration();
      return (names.get(value) as NameIn<E> | undefined) ?? value;
    },
    write(writer, tag, value) {
      if (typeof value === 'number') writer.enumeration(tag, value);
      else {
        // Callers need not have checked types.
        const row = rows[value] as EnumerationRow | undefined;
        if (!row) throw new KmipError('InvalidField', `${name} has no value '${value}'.`);
        writer.enumeration(tag, row.value);
      }
    },
    exists: (value, rank) => typeof value === 'number' || existsIn(rows[value], rank),
  };
  CODECS.set(name, codec as unknown as Codec<EnumerationValue<EnumerationName>>);
  return codec;
}

function namesOf(enumeration: EnumerationName): Map<number, string> {
  let names = NAMES_BY_VALUE.get(enumeration);
  if (!names) {
    const rows: Readonly<Record<string, EnumerationRow>> = ENUMERATIONS[enumeration];
    names = new Map(Object.entries(rows).map(([name, row]) => [row.value, name]));
    NAMES_BY_VALUE.set(enumeration, names);
  }
  return names;
}
