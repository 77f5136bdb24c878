import { randomKeyBytes } from '../../core/secret.js';
import { digestBytes } from '../../wire/tpm2/index.js';
import type { CommandName, HashAlgorithm, SymmetricDefinition } from '../../wire/tpm2/index.js';

/** Kind of a session (TPM 2.0 Part 2 §6.11). */
export type SessionType = 'HMAC' | 'POLICY' | 'TRIAL';

/** An authorization session: nonces that roll, and of a policy session what has been satisfied so far. */
export class TpmSession {
  readonly handle: number;
  readonly type: SessionType;
  readonly authHash: HashAlgorithm;
  /** Cipher for encrypting a first parameter; undefined for TPM_ALG_NULL. */
  readonly symmetric: SymmetricDefinition | undefined;
  readonly sessionKey: Buffer;
  /** Name and authorization value of the entity that the session is bound to; undefined for an unbound one. */
  readonly boundTo: Buffer | undefined;
  nonceTpm: Buffer;
  nonceCaller: Buffer;

  policyDigest: Buffer;
  policyCommand: CommandName | undefined;
  authValueNeeded = false;
  passwordNeeded = false;
  /** Count of PCR updates at the time of TPM2_PolicyPCR; undefined if the policy does not speak of PCRs. */
  pcrUpdateCounter: number | undefined;
  /** Digest of the command parameters that the policy is limited to. */
  policyCpHash: Buffer | undefined;
  /** Time of the TPM, in milliseconds, after which the policy is void. */
  expiresAtMs: number | undefined;

  constructor(fields: {
    readonly handle: number;
    readonly type: SessionType;
    readonly authHash: HashAlgorithm;
    readonly symmetric: SymmetricDefinition | undefined;
    readonly sessionKey: Buffer;
    readonly boundTo: Buffer | undefined;
    readonly nonceTpm: Buffer;
    readonly nonceCaller: Buffer;
  }) {
    this.handle = fields.handle;
    this.type = fields.type;
    this.authHash = fields.authHash;
    this.symmetric = fields.symmetric;
    this.sessionKey = fields.sessionKey;
    this.boundTo = fields.boundTo;
    this.nonceTpm = fields.nonceTpm;
    this.nonceCaller = fields.nonceCaller;
    this.policyDigest = Buffer.alloc(digestBytes(fields.authHash));
  }

  /** Rolls the nonces for the response (TPM 2.0 Part 1 §19.6.3). */
  rollNonces(nonceCaller: Buffer): void {
    this.nonceCaller = nonceCaller;
    this.nonceTpm = randomKeyBytes(this.nonceTpm.length);
  }

  /** Forgets what the policy has satisfied (TPM2_PolicyRestart, and after each use). */
  restartPolicy(): void {
    this.policyDigest = Buffer.alloc(digestBytes(this.authHash));
    this.policyCommand = undefined;
    this.authValueNeeded = false;
    this.passwordNeeded = false;
    this.pcrUpdateCounter = undefined;
    this.policyCpHash = undefined;
    this.expiresAtMs = undefined;
  }
}
