import type {
  Attribute,
  OperationName,
  ProtocolVersionName,
  RequestPayload,
  TypedOperation,
  VersionRange,
} from '../../wire/kmip/index.js';
import {
  KmipError,
  PAYLOADS,
  attributeFields,
  attributeOf,
  attributeRow,
  attributeTextOf,
  enumerationRows,
  existsIn,
  rankOf,
} from '../../wire/kmip/index.js';

/** An attribute as callers write it: custom ones may be plain text. */
export type AttributeInput = Attribute | { readonly name: `${string}-${string}`; readonly value: string };

/** The attribute that an input stands for. @throws KmipError `InvalidField` if its value is not of the attribute's shape */
export function toAttribute(input: AttributeInput): Attribute {
  const { name, value } = input;
  if (typeof value === 'string' && name.includes('-')) {
    return { name: name as `${string}-${string}`, value: { type: 'TextString', value } };
  }
  demandShape(name, value);
  return input as Attribute;
}

/**
 * Callers need not have checked types. Of a text in the place of a structure nothing would be sent but an empty structure,
 * which a search takes for any.
 */
function demandShape(name: string, value: unknown): void {
  const fields = attributeFields(name);
  if (!fields) return;
  const isStructure = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isStructure && Object.keys(value).every((key) => fields.includes(key))) return;
  throw new KmipError('InvalidField', `${attributeTextOf(name)} is written as { ${fields.join(', ')} }.`);
}

/** A Name attribute; none without a name. */
export function named(name: string | undefined): readonly Attribute[] {
  return name === undefined ? [] : [attributeOf('Name', { value: name, type: 'UninterpretedTextString' })];
}

/** @throws KmipError `OperationNotSupported` if the version has no such operation */
export function demandOperation(operation: OperationName, version: ProtocolVersionName): void {
  const row: VersionRange = enumerationRows('Operation')[operation];
  if (existsIn(row, rankOf(version))) return;
  throw new KmipError(
    'OperationNotSupported',
    `KMIP ${version} has no operation ${operation}: it exists ${span(row)}.`,
  );
}

/**
 * Refuses a payload of which the encoder would leave something out: without its tag, or as one of several parts that
 * look like one, a request would mean something else. What 1.x and 2.x say in different fields may be given in both.
 *
 * @throws KmipError `InvalidField` if the version has no such field
 */
export function demandFields<O extends TypedOperation>(
  operation: O,
  payload: RequestPayload<O>,
  version: ProtocolVersionName,
): void {
  const shape: Readonly<Record<string, { readonly range: Partial<VersionRange> }>> =
    PAYLOADS[operation].request.shape;
  const given = Object.entries(shape).filter(
    ([key]) => (payload as Record<string, unknown>)[key] !== undefined,
  );
  const inBothForms =
    given.some(([, { range }]) => range.until !== undefined) &&
    given.some(([, { range }]) => range.since === '2.0');
  for (const [key, { range }] of given) {
    if (existsIn(range, rankOf(version))) continue;
    if (inBothForms && (range.until !== undefined || range.since === '2.0')) continue;
    throw new KmipError(
      'InvalidField',
      `${operation} has no ${key} in KMIP ${version}: it exists ${span(range)}.`,
    );
  }
}

/** @throws KmipError `UnsupportedAttribute` if the version has no such attribute */
export function demandAttributes(names: readonly string[], version: ProtocolVersionName): void {
  for (const name of names) {
    const row = attributeRow(name);
    const exists = row
      ? existsIn(row, rankOf(version))
      : rankOf(version) >= rankOf('2.0') || /^[xy]-/.test(name);
    if (exists) continue;
    throw new KmipError(
      'UnsupportedAttribute',
      row
        ? `KMIP ${version} has no attribute ${attributeTextOf(name)}: it exists ${span(row)}.`
        : `KMIP ${version} has no attribute ${name}: custom attributes begin with x- before 2.0.`,
    );
  }
}

function span({ since = '1.0', until }: Partial<VersionRange>): string {
  return until === undefined ? `since ${since}` : `from ${since} to ${until}`;
}
