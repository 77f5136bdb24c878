import { createCipheriv, createDecipheriv } from 'node:crypto';

import * as z from 'zod';

import type { ServiceContext } from '../../core/context.js';
import { VapiError } from '../../core/http/index.js';
import { randomKeyBytes, zeroise } from '../../core/secret.js';
import { EXCHANGE_LIMITS, hostKeyJwk } from '../../wire/attestation/index.js';
import type { ChallengeContext, HelloContext } from '../../wire/attestation/index.js';
import { makeCredential, objectName } from '../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';
import type { PresentedIdentity } from './endorsement-key.js';

/**
 * PCRs that a quote must cover: firmware, Secure Boot, and what the ESXi boot loader measures. Own choice, after
 * the PCRs that ESXi uses.
 */
export const REQUIRED_PCRS = [{ hashAlg: 'SHA256' as const, pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14] }];

/** How the state of a challenge is sealed. */
const SEAL = { cipher: 'aes-256-gcm', ivBytes: 12, tagBytes: 16 } as const;

/** Answered challenges that are remembered until they would have expired anyway. */
const USED_LIMIT = 100_000;

const sealedState = z.strictObject({
  id: z.uuid(),
  issuedAtMs: z.number(),
  /** Who was challenged: {@link PresentedIdentity.digestHex}. */
  identityHex: z.string(),
  /** Name of the attestation key that the credential is for. */
  akNameHex: z.string(),
  hostId: z.string(),
  hostKeyJwk,
  clientCertificateSha256: z.string(),
  clock: z.strictObject({ resetCount: z.number(), restartCount: z.number() }),
  nonce: z.string(),
  secret: z.string(),
});

/** What the service must know of a challenge when it is answered. */
export type ChallengeState = z.infer<typeof sealedState>;

/** A challenge that came back. */
export interface OpenedChallenge {
  readonly state: ChallengeState;
  readonly expired: boolean;
  /** How long it could be answered. */
  readonly lifetimeSeconds: number;
  /** False if it was answered before. */
  readonly firstAnswer: boolean;
}

/**
 * Makes challenges and recognizes their answers without keeping state between the rounds: what is needed travels
 * with the host, sealed under a key of this run of the service. Only the ids of answered challenges are kept, for
 * as long as a challenge lives, so that each is answered once.
 */
export class Challenges {
  readonly #context: ServiceContext;
  readonly #lifetimeMs: number;
  /** Of this run alone: a challenge from before a restart is refused, as its use may have been forgotten. */
  readonly #key = randomKeyBytes(32);
  /** Expiry of answered challenges by id, oldest first. */
  readonly #used = new Map<string, number>();

  constructor(context: ServiceContext, lifetimeSeconds: number) {
    this.#context = context;
    this.#lifetimeMs = lifetimeSeconds * 1000;
  }

  /**
   * A challenge for a host: a credential that only the TPM with its endorsement key can open, and only if it holds
   * the attestation key, and a nonce.
   *
   * @throws TpmError if the endorsement key is none that credentials can be made for
   */
  issue(hello: HelloContext, identity: PresentedIdentity, akPublic: TpmtPublic): ChallengeContext {
    const secret = randomKeyBytes(EXCHANGE_LIMITS.secretBytes);
    const nonce = randomKeyBytes(EXCHANGE_LIMITS.nonceBytes);
    const akName = objectName(akPublic);
    const credential = makeCredential({ ekPublic: identity.ekPublic, objectName: akName, secret });
    const state: ChallengeState = {
      id: this.#context.rng.uuid(),
      issuedAtMs: this.#context.clock.now(),
      identityHex: identity.digestHex,
      akNameHex: akName.toString('hex'),
      hostId: hello.hostId,
      hostKeyJwk: hello.hostKeyJwk,
      clientCertificateSha256: hello.clientCertificateSha256,
      clock: hello.clock,
      nonce: nonce.toString('base64'),
      secret: secret.toString('base64'),
    };
    zeroise(secret);
    return {
      kind: 'challenge',
      idObject: credential.idObject.toString('base64'),
      encryptedSecret: credential.encryptedSecret.toString('base64'),
      nonce: state.nonce,
      pcrSelection: REQUIRED_PCRS,
      state: this.#seal(state),
    };
  }

  /**
   * Recognizes a challenge that comes back, and marks it as answered.
   *
   * @returns undefined if it is none of this run of the service
   * @throws VapiError `SERVICE_UNAVAILABLE` if more were answered than can be remembered
   */
  answer(sealed: string): OpenedChallenge | undefined {
    const state = this.#open(sealed);
    if (!state) return undefined;
    const now = this.#context.clock.now();
    const expiresMs = state.issuedAtMs + this.#lifetimeMs;
    return {
      state,
      expired: now > expiresMs,
      lifetimeSeconds: this.#lifetimeMs / 1000,
      firstAnswer: this.#use(state.id, expiresMs, now),
    };
  }

  /** Clears the sealing key; challenges under way cannot be answered afterwards. */
  close(): void {
    zeroise(this.#key);
    this.#used.clear();
  }

  #use(id: string, expiresMs: number, now: number): boolean {
    if (this.#used.has(id)) return false;
    if (now > expiresMs) return true; // it fails as expired, so there is nothing to remember
    for (const [old, expiry] of this.#used) {
      if (expiry >= now) break;
      this.#used.delete(old);
    }
    if (this.#used.size >= USED_LIMIT) {
      throw new VapiError('SERVICE_UNAVAILABLE', 'Too many attestations at once; try again in a minute.');
    }
    this.#used.set(id, expiresMs);
    return true;
  }

  /** iv ‖ ciphertext ‖ tag, base64url. Keys are of this run, so that random IVs do not come again. */
  #seal(state: ChallengeState): string {
    const iv = randomKeyBytes(SEAL.ivBytes);
    const cipher = createCipheriv(SEAL.cipher, this.#key, iv);
    const sealed = [iv, cipher.update(JSON.stringify(state), 'utf8'), cipher.final(), cipher.getAuthTag()];
    return Buffer.concat(sealed).toString('base64url');
  }

  #open(text: string): ChallengeState | undefined {
    const sealed = Buffer.from(text, 'base64url');
    if (sealed.length < SEAL.ivBytes + SEAL.tagBytes) return undefined;
    const decipher = createDecipheriv(SEAL.cipher, this.#key, sealed.subarray(0, SEAL.ivBytes), {
      authTagLength: SEAL.tagBytes,
    });
    decipher.setAuthTag(sealed.subarray(-SEAL.tagBytes));
    try {
      const plain = decipher.update(sealed.subarray(SEAL.ivBytes, -SEAL.tagBytes));
      return sealedState.parse(JSON.parse(Buffer.concat([plain, decipher.final()]).toString('utf8')));
    } catch {
      return undefined; // not sealed by this run of the service; the caller says so
    }
  }
}
