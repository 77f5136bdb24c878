import * as z from 'zod';

import { KpsimError } from '../../../core/errors.js';
import { MAX_SWTPM_STATE_BYTES } from '../swtpm-control.js';

/** State blobs of a swtpm that outlive its power: what it keeps, and what TPM2_Shutdown(STATE) has saved. */
export interface SwtpmSnapshot {
  readonly permanent: Buffer;
  readonly savestate: Buffer | undefined;
}

const blob = z
  .base64()
  .max(Math.ceil(MAX_SWTPM_STATE_BYTES / 3) * 4)
  .transform((text) => Buffer.from(text, 'base64'));

const schema = z.strictObject({
  version: z.literal(1),
  permanent: blob.refine((bytes) => bytes.length > 0),
  savestate: blob.optional(),
});

/** Serializes a snapshot (own choice: versioned JSON with base64). The result is secret. */
export function encodeSwtpmSnapshot({ permanent, savestate }: SwtpmSnapshot): Buffer {
  return Buffer.from(
    JSON.stringify({
      version: 1,
      permanent: permanent.toString('base64'),
      savestate: savestate?.toString('base64'),
    }),
  );
}

/** Reads what {@link encodeSwtpmSnapshot} wrote. @throws KpsimError `tpm_state_invalid` */
export function decodeSwtpmSnapshot(bytes: Buffer): SwtpmSnapshot {
  try {
    const { permanent, savestate } = schema.parse(JSON.parse(bytes.toString('utf8')));
    return { permanent, savestate };
  } catch {
    // The parser's message may quote what it read, which is secret.
    throw new KpsimError(
      'tpm_state_invalid',
      'The snapshot of the TPM cannot be read. Take it from a swtpm, as its own device gives it.',
    );
  }
}
