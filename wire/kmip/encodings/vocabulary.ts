import { attributeNameFromText } from '../attributes/table.js';
import type { EnumerationName } from '../schema/enumeration.js';
import { enumerationRows, enumerationValueOf } from '../schema/enumeration.js';
import type { EnumerationRow } from '../tables/enumerations/index.js';
import { ENUMERATIONS } from '../tables/enumerations/index.js';
import { CRYPTOGRAPHIC_USAGE_MASK, PROTECTION_STORAGE_MASK, STORAGE_STATUS_MASK } from '../tables/masks.js';
import type { TagName } from '../tables/tag-names.js';
import { tagName, tagValue } from '../tables/tag-names.js';
import { TAGS } from '../tables/tags.js';
import type { TtlvItem } from '../ttlv/tree.js';

/** Names of the values of one enumeration. */
export interface Vocabulary {
  /** The value of a name; undefined if there is no such name. */
  valueOf(name: string): number | undefined;
  /** The name of a value; undefined if it has none. */
  nameOf(value: number): string | undefined;
}

/** Names of the bits of a mask, lowest first. */
export type MaskBits = Readonly<Record<string, number>>;

/** Tags whose values are of an enumeration of another name; all others are named as their enumeration is. */
const ENUMERATION_OF: Partial<Record<TagName, EnumerationName>> = {
  LinkedObjectIdentifier: 'UniqueIdentifier',
  MaskGeneratorHashingAlgorithm: 'HashingAlgorithm',
  PrivateKeyUniqueIdentifier: 'UniqueIdentifier',
  PublicKeyUniqueIdentifier: 'UniqueIdentifier',
};

/** Tags whose values are tags (KMIP 2.1 §5.5). */
const TAG_VALUED: ReadonlySet<string> = new Set<TagName>(['AttributeReference', 'Tag']);

const MASK_OF: Partial<Record<TagName, MaskBits>> = {
  CryptographicUsageMask: CRYPTOGRAPHIC_USAGE_MASK,
  ProtectionStorageMask: PROTECTION_STORAGE_MASK,
  StorageStatusMask: STORAGE_STATUS_MASK,
};

const TAG_VOCABULARY: Vocabulary = {
  valueOf: (name) => (Object.hasOwn(TAGS, name) ? tagValue(name as TagName) : undefined),
  nameOf: tagName,
};

const VOCABULARIES = new Map<EnumerationName, Vocabulary>();

/** Names of the values of a tag's enumeration; undefined if they have none. */
export function vocabularyOf(tag: number): Vocabulary | undefined {
  const name = tagName(tag);
  if (name === undefined) return undefined;
  if (TAG_VALUED.has(name)) return TAG_VOCABULARY;
  const enumeration = ENUMERATION_OF[name] ?? name;
  return isEnumeration(enumeration) ? vocabularyOfEnumeration(enumeration) : undefined;
}

/** Names of the bits of a tag's mask; undefined if it is no mask. */
export function maskBitsOf(tag: number): MaskBits | undefined {
  const name = tagName(tag);
  return name === undefined ? undefined : MASK_OF[name];
}

/** A tag from its name, or from six hexadecimal digits after `0x`; undefined if it is neither. */
export function tagFromText(text: string): number | undefined {
  if (/^0x[0-9a-fA-F]{6}$/.test(text)) return Number.parseInt(text.slice(2), 16);
  return Object.hasOwn(TAGS, text) ? tagValue(text as TagName) : undefined;
}

/**
 * The tag that says what the names of an item's value mean: its own, or for an Attribute Value of KMIP 1.x that of the
 * attribute whose name stands before it.
 *
 * @param siblings the items of its structure; those from `position` on do not count
 */
export function meaningOf(tag: number, siblings: readonly TtlvItem[], position = siblings.length): number {
  if (tag !== ATTRIBUTE_VALUE) return tag;
  // Name and value have at most an index between them; looking no further keeps long lists cheap.
  const before = siblings.slice(Math.max(0, position - 2), position);
  const named = before.find((item) => item.tag === ATTRIBUTE_NAME);
  if (named?.type !== 'TextString' || before.some((item) => item.tag === VENDOR_IDENTIFICATION)) return tag;
  return TAG_VOCABULARY.valueOf(attributeNameFromText(named.value)) ?? tag;
}

const ATTRIBUTE_NAME = tagValue('AttributeName');
const ATTRIBUTE_VALUE = tagValue('AttributeValue');
const VENDOR_IDENTIFICATION = tagValue('VendorIdentification');

function isEnumeration(name: string): name is EnumerationName {
  return Object.hasOwn(ENUMERATIONS, name);
}

function vocabularyOfEnumeration(enumeration: EnumerationName): Vocabulary {
  let vocabulary = VOCABULARIES.get(enumeration);
  if (!vocabulary) {
    const rows: Readonly<Record<string, EnumerationRow>> = enumerationRows(enumeration);
    vocabulary = {
      valueOf: (name) => (Object.hasOwn(rows, name) ? rows[name]?.value : undefined),
      nameOf(value) {
        const name = enumerationValueOf(enumeration, value);
        return typeof name === 'string' ? name : undefined;
      },
    };
    VOCABULARIES.set(enumeration, vocabulary);
  }
  return vocabulary;
}
