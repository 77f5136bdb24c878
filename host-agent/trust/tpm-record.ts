import * as z from 'zod';

import { KpsimError } from '../../core/errors.js';
import { TPM_KINDS } from '../tpm/index.js';
import type { TpmKind } from '../tpm/index.js';

/** What a host keeps of its TPM from run to run. */
export interface TpmRecord {
  readonly kind: TpmKind;
  /** Faults that were part of its making, in alphabetical order. */
  readonly madeWith: readonly string[];
  /** What `TpmMaker.load` takes; secret. */
  readonly state: Buffer;
}

const schema = z.strictObject({
  version: z.literal(2),
  kind: z.enum(TPM_KINDS),
  madeWith: z.array(z.string().max(255)).max(64),
  state: z.base64().transform((text) => Buffer.from(text, 'base64')),
});

/** How the built-in TPM was kept before hosts could have others: its state alone. */
const formerSchema = z.looseObject({ version: z.literal(1), seeds: z.unknown() });

/** Serializes a record (own choice: versioned JSON). The result is secret. */
export function encodeTpmRecord({ kind, madeWith, state }: TpmRecord): Buffer {
  return Buffer.from(JSON.stringify({ version: 2, kind, madeWith, state: state.toString('base64') }));
}

/** Reads what {@link encodeTpmRecord} wrote. @throws KpsimError `tpm_state_invalid` */
export function decodeTpmRecord(bytes: Buffer): TpmRecord {
  try {
    const json: unknown = JSON.parse(bytes.toString('utf8'));
    if (formerSchema.safeParse(json).success) {
      return { kind: 'software', madeWith: [], state: Buffer.from(bytes) };
    }
    const { kind, madeWith, state } = schema.parse(json);
    return { kind, madeWith, state };
  } catch {
    // The parser's message may quote what it read, which is secret.
    throw new KpsimError(
      'tpm_state_invalid',
      'What the host has kept of its TPM cannot be read. Restore tpm.sealed from a copy, or remove it to have a new TPM.',
    );
  }
}
