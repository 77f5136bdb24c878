import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { decodeXmlDocument } from '../../wire/kmip/encodings/xml.js';
import type { TtlvItem } from '../../wire/kmip/index.js';
import { decodeTree } from '../../wire/kmip/index.js';

const PROJECT = dirname(createRequire(import.meta.url).resolve('kpsim/package.json'));
const VECTORS = join(PROJECT, 'test', 'vectors', 'kmip');

/** Every request message of the OASIS test cases of KMIP 1.1, 1.4 and 2.1: what is to be damaged. */
export function seedMessages(): readonly TtlvItem[] {
  return [...binaryCases(), ...xmlCases('oasis-1.4'), ...xmlCases('oasis-2.1')];
}

function binaryCases(): readonly TtlvItem[] {
  const { messages } = JSON.parse(readFileSync(join(VECTORS, 'oasis-1.1-testcases.json'), 'utf8')) as {
    readonly messages: readonly { readonly dir: string; readonly hex: string }[];
  };
  return messages
    .filter(({ dir }) => dir === 'request')
    .map(({ hex }) => decodeTree(Buffer.from(hex, 'hex')));
}

function xmlCases(folder: string): readonly TtlvItem[] {
  const files = readdirSync(join(VECTORS, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.xml'))
    .sort()
    .flatMap((file) => requestsIn(readFileSync(join(VECTORS, folder, file), 'utf8')));
}

/** Placeholders of dates and bytes become values of their type; those of texts are texts already. */
function requestsIn(xml: string): readonly TtlvItem[] {
  const requests = xml.match(/<RequestMessage>[^]*?<\/RequestMessage>/g) ?? [];
  const typed = requests
    .join('')
    .replace(/(?<=type="DateTime"\s+value=")\$NOW[+\-\d]*/g, '2026-01-31T00:00:00Z')
    .replace(/(?<=type="ByteString"\s+value=")\$\w+/g, '00ff');
  return decodeXmlDocument(`<KMIP>${typed}</KMIP>`);
}
