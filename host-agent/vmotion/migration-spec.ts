import * as z from 'zod';
import { NONCE_BYTES, ONE_TIME_KEY_BYTES, VmotionError } from '../../wire/vmotion/index.js';
import type { OneTimeKey } from '../../wire/vmotion/index.js';

function base64OfBytes(bytes: number): z.ZodString {
  return z.string().refine((text) => {
    const decoded = Buffer.from(text, 'base64');
    return decoded.length === bytes && decoded.toString('base64') === text;
  }, `expected base64 of ${bytes} bytes`);
}

/**
 * What a vCenter tells both hosts of a migration (EXT-8). One spec serves one attempt: key and nonce must never
 * protect a second stream.
 */
export const migrationSpecSchema = z.strictObject({
  /** UUID, lower case. */
  migrationId: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  /** 32 bytes, base64. */
  oneTimeKey: base64OfBytes(ONE_TIME_KEY_BYTES),
  /** 8 bytes, base64. */
  nonce: base64OfBytes(NONCE_BYTES),
  /** Whether frames are encrypted. */
  encrypted: z.boolean(),
  /** `migrate`: the source gives the VM up. `clone`: it keeps it, and the copy gets {@link target}. */
  kind: z.enum(['migrate', 'clone']),
  /** Whether a running VM goes on running at the destination. */
  live: z.boolean(),
  /** Instance UUID of the VM at the source. */
  vmId: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  /** Datastore at the destination; its first one unless given. */
  targetDatastore: z.string().max(80).optional(),
  /** Id and name of a clone. */
  target: z
    .strictObject({
      id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      name: z.string().min(1).max(80),
    })
    .optional(),
});

/** See {@link migrationSpecSchema}. */
export type MigrationSpec = z.infer<typeof migrationSpecSchema>;

/**
 * Checks a spec.
 * @throws {VmotionError} `spec_invalid` naming the field; values, which hold the key, are not in the message
 */
export function parseMigrationSpec(value: unknown): MigrationSpec {
  const parsed = migrationSpecSchema.safeParse(value);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path, code }) => `${path.join('.') || 'spec'} (${code})`);
    throw new VmotionError(
      'spec_invalid',
      `the migration spec is not valid: ${[...new Set(fields)].join(', ')}`,
    );
  }
  const { kind, live, target } = parsed.data;
  if ((kind === 'clone') !== (target !== undefined)) {
    throw new VmotionError('spec_invalid', 'a clone has a target with id and name, a migration has none');
  }
  if (kind === 'clone' && live) {
    throw new VmotionError(
      'spec_invalid',
      'a clone does not take the running guest along: set live to false',
    );
  }
  return parsed.data;
}

/** Key and nonce of a spec, in buffers that the caller zeroises. */
export function oneTimeKeyOf({ oneTimeKey, nonce }: MigrationSpec): OneTimeKey {
  return { key: Buffer.from(oneTimeKey, 'base64'), nonce: Buffer.from(nonce, 'base64') };
}
