import * as z from 'zod';

import { KDK_BYTES, isKdkId } from '../../wire/native-key/index.js';
import { BACKUP_LIMIT_BYTES } from '../backup/read-pkcs12.js';
import { providerName } from '../config.js';
import { HEALTHS } from '../provider/health.js';

const keyId = z.string().refine(isKdkId, {
  error: 'a UUID in lower case, as 12345678-abcd-1234-cdef-123456789abc',
});
const password = z.string().max(256, 'at most 256 characters');
const constraints = z.strictObject({ tpm_required: z.boolean().optional() });

/** Base64 with padding, as bytes; `what` says what they must be. */
function base64Bytes(check: (bytes: Buffer) => boolean, what: string): z.ZodType<Buffer, string> {
  return z
    .base64()
    .max(Math.ceil(BACKUP_LIMIT_BYTES / 3) * 4, what)
    .transform((text) => Buffer.from(text, 'base64'))
    .refine(check, { error: what });
}

const kdk = base64Bytes((bytes) => bytes.length === KDK_BYTES, `base64 of ${KDK_BYTES} bytes`);
const backupFile = base64Bytes(
  (bytes) => bytes.length > 0 && bytes.length <= BACKUP_LIMIT_BYTES,
  `base64 of a backup of at most ${BACKUP_LIMIT_BYTES} bytes`,
);

/** `Providers.CreateSpec`. */
export const createSpec = z.strictObject({
  provider: providerName,
  constraints: constraints.optional(),
  native_spec: z.strictObject({ key_id: keyId.optional(), key_derivation_key: kdk.optional() }).optional(),
});

/** `Providers.UpdateSpec`. */
export const updateSpec = z.strictObject({
  native_spec: z.strictObject({ key_id: keyId.optional() }).optional(),
});

/** `Providers.ExportSpec`. */
export const exportSpec = z.strictObject({ provider: z.string().max(80), password: password.optional() });

/** `Providers.ImportSpec`. */
export const importSpec = z.strictObject({
  config: backupFile,
  password: password.optional(),
  constraints: constraints.optional(),
  dry_run: z.boolean().optional(),
});

/** `Providers.FilterSpec`, in the query; a value given once is no array there. */
export const filterQuery = z.strictObject({
  providers: oneOrMore(z.string().max(80)),
  health: oneOrMore(z.enum(HEALTHS)),
});

function oneOrMore<S extends z.ZodType>(schema: S): z.ZodType<readonly z.output<S>[] | undefined> {
  return z.union([schema.transform((one) => [one]), z.array(schema).max(64)]).optional();
}
