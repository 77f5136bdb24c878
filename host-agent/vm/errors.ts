import { KpsimError } from '../../core/errors.js';
import type { CryptoKeyId } from './crypto-key.js';

/** Why something could not be done with a virtual machine; the `code` of a {@link VmError}. */
export type VmErrorCode =
  /** No VM, disk or datastore of that id. */
  | 'vm_not_found'
  | 'disk_not_found'
  | 'datastore_not_found'
  /** A name or id is taken. */
  | 'vm_exists'
  /** The VM is running, suspended or off where it must not be. */
  | 'invalid_power_state'
  /** A migration holds the VM until it is committed or aborted. */
  | 'migration_in_progress'
  /** The VM is encrypted, or is not, where it must not be. */
  | 'vm_encrypted'
  | 'vm_not_encrypted'
  /** A key that was obtained does not open what it should open. */
  | 'wrong_key'
  /** An argument is out of range. */
  | 'invalid_argument'
  /** A file to import, or a file of a VM, is not usable. */
  | 'file_invalid'
  /** The datastore has no room left. The VM is as it was. */
  | 'datastore_full'
  /** Reading or writing a datastore failed. */
  | 'datastore_io';

/** Something could not be done with a virtual machine; the VM is as it was before. */
export class VmError extends KpsimError {
  declare readonly code: VmErrorCode;

  /** The key that is missing or wrong, if that is the reason. */
  readonly keyId: CryptoKeyId | undefined;

  /** @param message what is wrong and what to do next; never holds key material or guest data */
  constructor(code: VmErrorCode, message: string, options?: ErrorOptions & { keyId?: CryptoKeyId }) {
    super(code, message, options);
    this.keyId = options?.keyId;
  }
}

const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A failure of the file system as a {@link VmError}; every other error as it is. */
export function datastoreError(error: unknown, doing: string): unknown {
  if (error instanceof KpsimError || !(error instanceof Error) || !('syscall' in error)) return error;
  const code = 'code' in error ? error.code : undefined;
  if (FULL_CODES.has(code)) {
    return new VmError(
      'datastore_full',
      `no room in the datastore while ${doing}; free space and try again`,
      {
        cause: error,
      },
    );
  }
  return new VmError('datastore_io', `the datastore failed (${String(code)}) while ${doing}`, {
    cause: error,
  });
}
