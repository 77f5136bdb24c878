import { readFileSync, readdirSync } from 'node:fs';

import { decodeXmlDocument } from '../../../wire/kmip/encodings/xml.js';
import type { TtlvItem } from '../../../wire/kmip/index.js';
import { tagValue } from '../../../wire/kmip/index.js';

const VECTORS = new URL('../../vectors/kmip/', import.meta.url);

/** The folders of the OASIS XML test cases under `test/vectors/kmip`. */
export const CASE_FOLDERS = [
  'oasis-1.4/mandatory',
  'oasis-1.4/optional',
  'oasis-1.4/tc',
  'oasis-2.1/mandatory',
  'oasis-2.1/optional',
] as const;

/** One of {@link CASE_FOLDERS}. */
export type CaseFolder = (typeof CASE_FOLDERS)[number];

/** One file of the OASIS XML test cases. */
export interface OasisCase {
  /** The file's name without `.xml`, for example `TC-WRAP-1-14`. */
  readonly name: string;
  /** The file as it is. */
  readonly xml: string;
}

/** A request with the recorded answer to it. */
export interface Exchange {
  readonly request: TtlvItem;
  readonly response: TtlvItem;
}

/** The cases of a folder, by name. */
export function oasisCases(folder: CaseFolder): readonly OasisCase[] {
  const directory = new URL(`${folder}/`, VECTORS);
  return readdirSync(directory)
    .filter((file) => file.endsWith('.xml'))
    .sort()
    .map((file) => ({ name: file.slice(0, -4), xml: readFileSync(new URL(file, directory), 'utf8') }));
}

/**
 * The exchanges of a case, the nth request with the nth response.
 *
 * Placeholders become values of their own type: `$NOW+20` the date that it means, and every other `$NAME` a text or
 * byte string that holds its name, see {@link placeholderOf}.
 *
 * @param nowSeconds what `$NOW` is, in seconds since 1970
 */
export function exchangesOf({ name, xml }: OasisCase, nowSeconds: number): readonly Exchange[] {
  const messages = decodeXmlDocument(withPlaceholders(repaired(xml), nowSeconds));
  const requests = messages.filter((message) => message.tag === tagValue('RequestMessage'));
  const responses = messages.filter((message) => message.tag === tagValue('ResponseMessage'));
  return requests.map((request, index) => {
    const response = responses[index];
    if (!response) throw new Error(`${name} has no response to request ${index}.`);
    return { request, response };
  });
}

/** The name of the placeholder, with its `$`, that an item stands for; undefined for every other item. */
export function placeholderOf(item: TtlvItem): string | undefined {
  const text =
    item.type === 'ByteString' ? item.value.toString('latin1') : item.type === 'TextString' ? item.value : '';
  return /^\$[A-Z][A-Z_0-9]*$/.test(text) ? text : undefined;
}

/** Names of the operations that a case asks for. */
export function operationsIn({ xml }: OasisCase): readonly string[] {
  const requests = xml.match(/<RequestMessage>[^]*?<\/RequestMessage>/g) ?? [];
  return requests.flatMap((request) =>
    [...request.matchAll(/<Operation\s+type="Enumeration"\s+value="(\w+)"/g)].map(([, name = '']) => name),
  );
}

/** Some files have a line of comment outside a comment, or end twice. */
function repaired(xml: string): string {
  const end = '</KMIP>';
  return xml.slice(0, xml.indexOf(end) + end.length).replace(/^#.*$/gm, '');
}

function withPlaceholders(xml: string, nowSeconds: number): string {
  return xml
    .replace(/(type="DateTime"\s+value=")\$NOW([+-]\d+)?"/g, (_all, start: string, offset = '0') => {
      const date = new Date((nowSeconds + Number(offset)) * 1000);
      return `${start}${date.toISOString()}"`;
    })
    .replace(/(type="ByteString"\s+value=")(\$\w+)"/g, (_all, start: string, placeholder: string) => {
      return `${start}${Buffer.from(placeholder, 'latin1').toString('hex')}"`;
    });
}
