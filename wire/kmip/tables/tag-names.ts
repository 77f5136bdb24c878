import { TAGS } from './tags.js';

/** Name of a tag as the XML encoding writes it. */
export type TagName = keyof typeof TAGS;

const NAMES = new Map<number, TagName>(
  Object.entries(TAGS).map(([name, row]) => [row.value, name as TagName]),
);

/** The 24-bit value of a tag. */
export function tagValue(name: TagName): number {
  return TAGS[name].value;
}

/** Name of a tag value; undefined for extensions and for values that no version defines. */
export function tagName(value: number): TagName | undefined {
  return NAMES.get(value);
}

/** A tag for a message: its name, or its value in hexadecimal. */
export function tagText(value: number): string {
  return NAMES.get(value) ?? `0x${value.toString(16).padStart(6, '0')}`;
}
