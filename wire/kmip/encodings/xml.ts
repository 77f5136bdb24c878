import { SaxesParser } from 'saxes';

import { errorText } from '../../../core/errors.js';
import { KmipError } from '../errors.js';
import { tagName, tagText } from '../tables/tag-names.js';
import type { TtlvItem } from '../ttlv/tree.js';
import type { ItemTypeName } from '../ttlv/types.js';
import { ITEM_TYPES, MAX_DEPTH } from '../ttlv/types.js';
import type { Scalar } from './scalars.js';
import {
  bigIntegerDigits,
  dateTimeExtendedText,
  dateTimeText,
  enumerationText,
  maskText,
  scalarFromText,
} from './scalars.js';
import { meaningOf, tagFromText } from './vocabulary.js';

/*
 * KMIP Profiles, XML encoding: one element an item, named as its tag, with `type` (Structure if absent) and `value`.
 * Tags without a name are `<TTLV tag="0x…">`.
 */

/** Element around several messages, as in the OASIS test cases. */
const DOCUMENT_ELEMENT = 'KMIP';
/** Element of an item whose tag has no name. */
const TAGGED_ELEMENT = 'TTLV';
/** `name` is a comment for readers of the XML. */
const ATTRIBUTES: ReadonlySet<string> = new Set(['type', 'value', 'tag', 'name', 'xmlns']);

type Attributes = Readonly<Record<string, string>>;

/** An element that is open: what it encloses is added to `items`; an item that is no structure encloses nothing. */
interface Frame {
  readonly name: string;
  readonly items: TtlvItem[] | undefined;
}

/** Decodes XML that holds exactly one item. @throws KmipError `InvalidMessage` */
export function decodeXml(text: string): TtlvItem {
  const [only, ...others] = decodeXmlDocument(text);
  if (!only || others.length > 0)
    throw new KmipError('InvalidMessage', 'The XML must hold exactly one message.');
  return only;
}

/** Decodes XML that holds one item, or any number of them inside a `KMIP` element. @throws KmipError `InvalidMessage` */
export function decodeXmlDocument(text: string): readonly TtlvItem[] {
  const builder = new TreeBuilder();
  const parser = new SaxesParser({ xmlns: false, position: true });
  const refuse = (what: string): never => {
    throw new KmipError('InvalidMessage', `Malformed XML at line ${parser.line}: ${what}.`);
  };
  parser.on('error', (error) => refuse(errorText(error)));
  parser.on('doctype', () => refuse('a document type declaration is not taken'));
  parser.on('processinginstruction', () => refuse('a processing instruction is not taken'));
  parser.on('opentag', ({ name, attributes }) => builder.open(name, attributes));
  parser.on('closetag', () => builder.close());
  const characters = (found: string): void => {
    if (found.trim() !== '') refuse('values are written in the attribute value, not between tags');
  };
  parser.on('text', characters);
  parser.on('cdata', characters);
  parser.write(text).close();
  return builder.items;
}

/**
 * Encodes one item, indented.
 *
 * @throws KmipError `InvalidField` for a Text String with control characters, which XML 1.0 cannot hold
 */
export function encodeXml(item: TtlvItem): string {
  const lines: string[] = [];
  writeElement(lines, item, item.tag, '');
  return lines.join('');
}

/** Builds the tree while the parser goes through the document. */
class TreeBuilder {
  readonly items: TtlvItem[] = [];
  readonly #open: Frame[] = [];

  open(name: string, attributes: Attributes): void {
    const enclosing = this.#open.at(-1);
    const siblings = enclosing ? enclosing.items : this.items;
    if (!siblings) throw new KmipError('InvalidMessage', `${enclosing?.name ?? ''} is no Structure.`);
    if (this.#open.length > MAX_DEPTH)
      throw new KmipError('InvalidMessage', `Elements are nested more than ${MAX_DEPTH} deep.`);
    const unknown = Object.keys(attributes).find((attribute) => !ATTRIBUTES.has(attribute));
    if (unknown !== undefined)
      throw new KmipError('InvalidMessage', `Element ${name} must not have an attribute ${unknown}.`);
    if (name === DOCUMENT_ELEMENT && !enclosing) {
      this.#open.push({ name, items: this.items });
      return;
    }
    const item = itemOf(name, attributes, siblings);
    siblings.push(item.item);
    this.#open.push({ name, items: item.children });
  }

  close(): void {
    this.#open.pop();
  }
}

/** The item of an element; `children` is the list to be filled if it is a structure. */
function itemOf(
  element: string,
  attributes: Attributes,
  before: readonly TtlvItem[],
): { readonly item: TtlvItem; readonly children: TtlvItem[] | undefined } {
  const tag = tagFromText(element === TAGGED_ELEMENT ? (attributes.tag ?? '') : element);
  if (tag === undefined)
    throw new KmipError(
      'InvalidMessage',
      `${element} is no tag; write <TTLV tag="0x…"> for one without a name.`,
    );
  const type = attributes.type ?? 'Structure';
  if (!isItemType(type))
    throw new KmipError('InvalidMessage', `${tagText(tag)} has a type that does not exist.`);
  const { value } = attributes;
  if (type === 'Structure') {
    if (value !== undefined)
      throw new KmipError('InvalidMessage', `${tagText(tag)} has a value but not the type of it.`);
    const children: TtlvItem[] = [];
    return { item: { tag, type, value: children }, children };
  }
  if (value === undefined) throw new KmipError('InvalidMessage', `${tagText(tag)} lacks its value.`);
  return { item: { ...scalarFromText(type, value, tag, meaningOf(tag, before)), tag }, children: undefined };
}

function isItemType(text: string): text is ItemTypeName {
  return Object.hasOwn(ITEM_TYPES, text);
}

function writeElement(lines: string[], item: TtlvItem, meaning: number, indent: string): void {
  const name = tagName(item.tag);
  const start = `${indent}<${name ?? `${TAGGED_ELEMENT} tag="${tagText(item.tag)}"`}`;
  if (item.type !== 'Structure') {
    lines.push(`${start} type="${item.type}" value="${escaped(textOf(item, meaning), item.tag)}"/>\n`);
  } else if (item.value.length === 0) {
    lines.push(`${start}/>\n`);
  } else {
    lines.push(`${start}>\n`);
    for (const [index, inner] of item.value.entries())
      writeElement(lines, inner, meaningOf(inner.tag, item.value, index), `${indent}  `);
    lines.push(`${indent}</${name ?? TAGGED_ELEMENT}>\n`);
  }
}

function textOf(scalar: Scalar, meaning: number): string {
  switch (scalar.type) {
    case 'Integer':
      return maskText(scalar.value, meaning, ' ') ?? String(scalar.value);
    case 'Enumeration':
      return enumerationText(scalar.value, meaning);
    case 'BigInteger':
      return bigIntegerDigits(scalar.value);
    case 'ByteString':
      return scalar.value.toString('hex');
    case 'DateTime':
      return dateTimeText(scalar.value);
    case 'DateTimeExtended':
      return dateTimeExtendedText(scalar.value);
    default:
      return String(scalar.value);
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Characters that XML 1.0 §2.2 does not have. */
// eslint-disable-next-line no-control-regex
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

/** White space other than the space is written by number, as a parser would make a space of it. */
function escaped(text: string, tag: number): string {
  if (NOT_XML.test(text)) {
    throw new KmipError(
      'InvalidField',
      `${tagText(tag)} holds control characters, which XML cannot; ask in TTLV or JSON.`,
    );
  }
  return text.replace(/[&<>"\t\n\r]/g, (found) => ENTITIES[found] ?? `&#${found.charCodeAt(0)};`);
}
