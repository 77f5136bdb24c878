import type { Attribute } from '../../wire/kmip/index.js';
import {
  CRYPTOGRAPHIC_USAGE_MASK,
  attributeNameFromText,
  attributeOf,
  attributeTextOf,
  isStandard,
} from '../../wire/kmip/index.js';
import type { AttributeInput } from '../../lab/kmip-client.js';

/** An attribute that a command line cannot give. */
export class AttributeMistake extends Error {}

/**
 * An attribute from `name=value`: a custom one (`x-…`, `y-…`, or `vendor-name` in 2.x), or one of those whose values
 * are text.
 *
 * @throws AttributeMistake
 */
export function attributeFromText(text: string): AttributeInput {
  const equals = text.indexOf('=');
  if (equals < 1) throw new AttributeMistake(`'${text}' is no attribute: write NAME=VALUE.`);
  const name = attributeNameFromText(text.slice(0, equals));
  const value = text.slice(equals + 1);
  if (name === 'Name') return attributeOf('Name', { value, type: 'UninterpretedTextString' });
  if (isTextual(name)) return attributeOf(name, value);
  if (!isStandard(name) && name.includes('-')) return { name: name as `${string}-${string}`, value };
  throw new AttributeMistake(
    `${name} cannot be given here: custom attributes (x-…), Name, ${TEXTUAL.join(', ')} can.`,
  );
}

/** Standard attributes of text. */
const TEXTUAL = [
  'ObjectGroup',
  'ContactInformation',
  'Comment',
  'Description',
  'OperationPolicyName',
] as const;

function isTextual(name: string): name is (typeof TEXTUAL)[number] {
  return (TEXTUAL as readonly string[]).includes(name);
}

/** An attribute as a line: its name in words and its value as people read it. */
export function attributeLine(attribute: Attribute): string {
  return `${attributeTextOf(attribute.name)}: ${valueText(attribute)}`;
}

function valueText({ name, value }: Attribute): string {
  if (name === 'CryptographicUsageMask') return usagesOf(value).join(', ');
  if (name.endsWith('Date') && typeof value === 'number') return new Date(value * 1000).toISOString();
  if (name === 'Name') return (value as { readonly value: string }).value;
  const plain = isStandard(name) ? value : (value as { readonly value: unknown }).value;
  return typeof plain === 'string' ? plain : jsonText(plain);
}

/** Names of the bits of a Cryptographic Usage Mask. */
export function usagesOf(mask: number): readonly string[] {
  return Object.entries(CRYPTOGRAPHIC_USAGE_MASK)
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([usage]) => usage);
}

/** JSON on one line; bytes are hex, 64-bit numbers text. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one === 'bigint') return one.toString();
    if (isBufferJson(one)) return Buffer.from(one.data).toString('hex');
    return one;
  });
}

/** What Buffer's own toJSON makes before a replacer sees it. */
function isBufferJson(
  value: unknown,
): value is { readonly type: 'Buffer'; readonly data: readonly number[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  );
}
