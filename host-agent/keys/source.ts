import { KpsimError } from '../../core/errors.js';
import type { CryptoKeyId, HostKeyStatus, KeyUnavailableReason } from '../api/results.js';
import type { NormalKeyId } from './key-id.js';

/** Where a host gets the keys of one kind of provider. */
export interface KeySource {
  /** Whether this source answers for the provider of that name. */
  serves(provider: string): boolean;
  /**
   * The key of that id, 32 bytes; the caller owns the buffer and zeroises it.
   *
   * @throws KeyUnavailableError
   */
  obtain(id: CryptoKeyId): Promise<Buffer>;
  /**
   * A new key of a provider. Standard providers have none: there the vCenter makes keys and pushes them.
   *
   * @throws KeyUnavailableError
   */
  generate?(provider: string): Promise<{ readonly id: NormalKeyId; readonly key: Buffer }>;
  /** How the host stands with that key, without asking anyone. */
  status(id: CryptoKeyId): Omit<HostKeyStatus, 'keyId'>;
}

/** A key that the host cannot get now. */
export class KeyUnavailableError extends KpsimError {
  readonly keyId: CryptoKeyId;
  readonly reason: KeyUnavailableReason;
  /** A more exact reason code, for example of the attestation that failed. */
  readonly detail: string | undefined;

  /**
   * @param message why, and what to do next
   * @param options `detail`: a more exact reason code, `lower_snake_case`
   */
  constructor(
    keyId: CryptoKeyId,
    reason: KeyUnavailableReason,
    message: string,
    options: ErrorOptions & { readonly detail?: string | undefined } = {},
  ) {
    super('key_unavailable', message, options);
    this.keyId = keyId;
    this.reason = reason;
    this.detail = options.detail;
  }
}
