import { SignJWT, jwtVerify } from 'jose';

import type { Clock } from '../../core/clock.js';
import { VapiError } from '../../core/http/index.js';
import type { Rng } from '../../core/rng.js';
import { randomKeyBytes, zeroise } from '../../core/secret.js';

/** A backup that waits to be downloaded. */
export interface WaitingBackup {
  readonly provider: string;
  /** The KDK id that it was exported under. */
  readonly keyId: string;
  readonly file: Buffer;
  readonly expiresAtMs: number;
}

/** A token and when it ends. */
export interface DownloadToken {
  readonly token: string;
  readonly expiry: Date;
}

/** Backups kept waiting at most; the oldest gives way. */
const WAITING_LIMIT = 64;
const AUDIENCE = 'kpsim:native-kp:download';

/**
 * Backups that were exported and not yet downloaded, each behind a token of its own: a JWT (HS256) that is good
 * for one download within a few minutes. Kept in memory only, so a restart ends them all.
 */
export class Downloads {
  readonly #secret = randomKeyBytes(32);
  readonly #waiting = new Map<string, WaitingBackup>();
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #issuer: string;
  readonly #lifetimeSeconds: number;

  constructor(options: {
    readonly clock: Clock;
    readonly rng: Rng;
    /** Name of the service, as `iss`. */
    readonly issuer: string;
    readonly lifetimeSeconds: number;
  }) {
    this.#clock = options.clock;
    this.#rng = options.rng;
    this.#issuer = options.issuer;
    this.#lifetimeSeconds = options.lifetimeSeconds;
  }

  /** Keeps a backup and makes the token for it. */
  async offer(backup: Omit<WaitingBackup, 'expiresAtMs'>): Promise<DownloadToken> {
    this.#sweep();
    const issuedAt = Math.floor(this.#clock.now() / 1000);
    const expiry = new Date((issuedAt + this.#lifetimeSeconds) * 1000);
    const id = this.#rng.uuid();
    const token = await new SignJWT()
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(this.#issuer)
      .setAudience(AUDIENCE)
      .setSubject(backup.provider)
      .setJti(id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiry)
      .sign(this.#secret);
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined && this.#waiting.size >= WAITING_LIMIT) this.#drop(oldest);
    this.#waiting.set(id, { ...backup, expiresAtMs: expiry.getTime() });
    return { token, expiry };
  }

  /** Hands the backup of a provider out, once. @throws VapiError `UNAUTHENTICATED` */
  async take(provider: string, token: string | undefined): Promise<WaitingBackup> {
    if (token === undefined || token.length > 4096) {
      throw refused('Send the download token that the export gave as Authorization: Bearer.');
    }
    const { payload } = await jwtVerify(token, this.#secret, {
      algorithms: ['HS256'],
      issuer: this.#issuer,
      audience: AUDIENCE,
      subject: provider,
      currentDate: new Date(this.#clock.now()),
    }).catch((error: unknown) => {
      throw refused(
        'The download token is not good for this provider, or no longer: export it again.',
        error,
      );
    });
    const backup = this.#waiting.get(payload.jti ?? '');
    if (!backup || backup.expiresAtMs <= this.#clock.now()) {
      throw refused('The download token was used or has ended: export the provider again.');
    }
    this.#waiting.delete(payload.jti ?? '');
    return backup;
  }

  /** Forgets what waits for a provider that is gone or has changed. */
  forget(provider: string): void {
    for (const [id, backup] of this.#waiting) if (backup.provider === provider) this.#drop(id);
  }

  /** Forgets everything. */
  close(): void {
    for (const id of this.#waiting.keys()) this.#drop(id);
    zeroise(this.#secret);
  }

  #sweep(): void {
    for (const [id, { expiresAtMs }] of this.#waiting) if (expiresAtMs <= this.#clock.now()) this.#drop(id);
  }

  /** A backup without a password holds the KDK as it is. */
  #drop(id: string): void {
    zeroise(this.#waiting.get(id)?.file);
    this.#waiting.delete(id);
  }
}

function refused(message: string, cause?: unknown): VapiError {
  return new VapiError('UNAUTHENTICATED', message, { challenge: 'Bearer', cause });
}
