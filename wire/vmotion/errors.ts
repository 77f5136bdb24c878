import { KpsimError } from '../../core/errors.js';

/** Why a migration stream was refused; the `code` of a {@link VmotionError}. */
export type VmotionErrorCode =
  /** The bytes are not a stream of this protocol, or not of this migration. */
  | 'stream_invalid'
  /** A frame does not authenticate: another key, or changed on its way. */
  | 'frame_forged'
  /** A frame's counter is not the next one: it was repeated, left out or moved. */
  | 'frame_out_of_order'
  /** The stream ended before its final frame. */
  | 'stream_truncated'
  /** What arrived is not what was sent. */
  | 'digest_mismatch'
  /** The other side gave up, and said why. */
  | 'peer_failed'
  /** The other side cannot be reached or has gone silent. */
  | 'peer_unreachable'
  /** The migration is not in the state for this. */
  | 'migration_state'
  /** The migration spec is not usable. */
  | 'spec_invalid';

/** A migration stream or a migration was refused. */
export class VmotionError extends KpsimError {
  declare readonly code: VmotionErrorCode;

  /** @param message what is wrong and what to do next; never holds key material or guest data */
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor -- it narrows the type of `code`
  constructor(code: VmotionErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
