import { readFile } from 'node:fs/promises';

import { KpsimError, errorText } from '../../core/errors.js';
import type { PostgresConfig } from './connections.js';

const KEY_BYTES = 32;
const HEX = /^[0-9a-fA-F]{64}\s*$/;

/**
 * The key that all nodes of a cluster seal with: of the configuration, or of a file with 32 bytes or 64 hex digits.
 *
 * @throws KpsimError `store_key_invalid`
 */
export async function atRestKey(config: PostgresConfig): Promise<Buffer> {
  if (config.atRestKeyHex !== undefined) return Buffer.from(config.atRestKeyHex, 'hex');
  const path = config.atRestKeyFile ?? '';
  const content = await readFile(path).catch((error: unknown) => {
    throw keyInvalid(path, `cannot be read (${errorText(error)})`, error);
  });
  if (content.length === KEY_BYTES) return content;
  const text = content.toString('latin1');
  if (!HEX.test(text)) throw keyInvalid(path, `is no key of ${KEY_BYTES} bytes`);
  return Buffer.from(text.trim(), 'hex');
}

function keyInvalid(path: string, problem: string, cause?: unknown): KpsimError {
  return new KpsimError(
    'store_key_invalid',
    `The at-rest key file ${path} ${problem}. Make one with \`openssl rand -hex 32\`, mode 0600, the same for all nodes of the cluster.`,
    { cause },
  );
}
