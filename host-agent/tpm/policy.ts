import { TPM_CC, TPM_RC, TpmError, digestOf, handleRc } from '../../wire/tpm2/index.js';
import type { CommandName } from '../../wire/tpm2/index.js';
import type { TpmDevice } from './device.js';
import type { TpmSession } from './session.js';

/** The policy or trial session at the handle of `position`. @throws TpmError TPM_RC_VALUE if it is none, TPM_RC_REFERENCE_H0 */
export function policySession(device: TpmDevice, handle: number, position: number): TpmSession {
  const session = device.sessions.get(handle);
  if (session === undefined) throw new TpmError(TPM_RC.REFERENCE_H0 + position - 1);
  if (session.type === 'HMAC') throw new TpmError(handleRc(TPM_RC.VALUE, position));
  return session;
}

/** Extends the policy by a command and what it demands (TPM 2.0 Part 1 §19.7). */
export function extendPolicy(session: TpmSession, command: CommandName, demand: Buffer): void {
  const code = Buffer.alloc(4);
  code.writeUInt32BE(TPM_CC[command].code, 0);
  session.policyDigest = policyHash(session, session.policyDigest, code, demand);
}

/** A digest with the hash of the session. */
export function policyHash(session: TpmSession, ...parts: readonly Buffer[]): Buffer {
  return digestOf(session.authHash, ...parts);
}
