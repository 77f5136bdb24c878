import * as z from 'zod';

import { KpsimError } from '../../core/errors.js';
import { isKdkId, kdkIdBytes } from '../../wire/native-key/index.js';
import { providerName } from '../config.js';

/** What a backup holds: all that is needed to have the same provider elsewhere. */
export interface ProviderBackup {
  /** Name of the provider. */
  readonly provider: string;
  /** Id of the KDK, a UUID. */
  readonly keyId: string;
  /** 32 bytes; whoever reads a backup zeroises them after use. */
  readonly kdk: Buffer;
  readonly tpmRequired: boolean;
  readonly exportTime: Date;
}

/** What stands beside the KDK as the text of an `unstructuredName`. Own choice. */
const remarkSchema = z.strictObject({
  format: z.literal('kpsim native key provider backup 1'),
  export_time: z.iso.datetime(),
  tpm_required: z.boolean(),
});

/** The remark of a backup, as text. */
export function formatRemark(backup: Pick<ProviderBackup, 'exportTime' | 'tpmRequired'>): string {
  return JSON.stringify({
    format: 'kpsim native key provider backup 1',
    export_time: backup.exportTime.toISOString(),
    tpm_required: backup.tpmRequired,
  } satisfies z.input<typeof remarkSchema>);
}

/** Puts a backup together from what was read. @throws KpsimError `backup_foreign` */
export function assembleBackup(parts: {
  readonly kdk: Buffer;
  readonly friendlyName: string | undefined;
  readonly localKeyId: Buffer | undefined;
  readonly remark: string | undefined;
}): ProviderBackup {
  const provider = providerName.safeParse(parts.friendlyName);
  const remark = remarkSchema.safeParse(parseJson(parts.remark));
  const keyId = uuidOf(parts.localKeyId);
  if (!provider.success || !remark.success || keyId === undefined || parts.kdk.length !== 32) throw foreign();
  return {
    provider: provider.data,
    keyId,
    kdk: parts.kdk,
    tpmRequired: remark.data.tpm_required,
    exportTime: new Date(remark.data.export_time),
  };
}

/** The 16 bytes of a KDK id, as they stand in the file. */
export function localKeyIdOf(backup: Pick<ProviderBackup, 'keyId'>): Buffer {
  return kdkIdBytes(backup.keyId);
}

/** The error for a PKCS#12 file of somebody else. */
export function foreign(): KpsimError {
  return new KpsimError(
    'backup_foreign',
    'The file is a PKCS#12 file, but no backup of a native key provider of kpsim. Import the file that an export of the provider gave.',
  );
}

function uuidOf(bytes: Buffer | undefined): string | undefined {
  const hex = bytes?.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return hex !== undefined && isKdkId(hex) ? hex : undefined;
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return undefined;
  }
}
