import { hash } from 'node:crypto';

import { compactVerify, decodeProtectedHeader } from 'jose';

import type { ServiceContext } from '../../core/context.js';
import {
  AttestationError,
  DOCUMENT_TYPE_ROWS,
  MAX_TOKEN_CHARACTERS,
  MAX_TOKEN_LIFETIME_SECONDS,
  TOKEN_ALGORITHM,
  TOKEN_KID,
  kmsAudience,
  kmsAuthClaims,
} from '../../wire/attestation/index.js';
import type { KmsAuthClaims } from '../../wire/attestation/index.js';
import type { ClientIdentity } from '../rest/operation.js';
import { recipientOf } from './release.js';
import type { Recipient } from './release.js';
import type { TrustedIssuers } from './trusted-issuers.js';

/** A token that was verified, with the key that released secrets are encrypted to. */
export interface VerifiedToken {
  readonly claims: KmsAuthClaims;
  readonly recipient: Recipient;
}

interface CachedToken extends VerifiedToken {
  /** The issuer's set of keys that it was verified under. */
  readonly generation: object | undefined;
}

/** Verified tokens that are remembered; thousands of hosts have one each. */
const CACHE_LIMIT = 20_000;

const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;

/** Header parameters that would let a token choose its own key; the token is refused, they are never followed. */
const KEY_CHOOSING_HEADERS = ['jwk', 'jku', 'x5u', 'x5c', 'crit'] as const;

/**
 * Checks KMS_AUTH_JWTs: form and algorithm, signature by an attestation service of the group, type, audience, group,
 * times, and that the caller is the holder. A token that was verified is remembered by its digest until it expires
 * or its issuer's keys change; times and holder are checked at every use.
 */
export class TokenVerifier {
  readonly #context: ServiceContext;
  readonly #issuers: TrustedIssuers;
  readonly #group: string;
  readonly #leewaySeconds: number;
  readonly #verified = new Map<string, CachedToken>();

  constructor(options: {
    readonly context: ServiceContext;
    readonly issuers: TrustedIssuers;
    readonly group: string;
    readonly leewaySeconds: number;
  }) {
    this.#context = options.context;
    this.#issuers = options.issuers;
    this.#group = options.group;
    this.#leewaySeconds = options.leewaySeconds;
  }

  /**
   * The token of a request, if it is good for this service and this client.
   *
   * @param authorization the `Authorization` header
   * @throws AttestationError with the reason of the first check that failed
   */
  async authorize(authorization: string | undefined, client: ClientIdentity): Promise<VerifiedToken> {
    if (authorization === undefined) throw new AttestationError('token_missing');
    const [scheme, token, ...rest] = authorization.split(' ');
    if (scheme?.toLowerCase() !== 'bearer' || token === undefined || rest.length > 0) {
      throw new AttestationError('token_missing');
    }
    const verified = await this.#verify(token);
    this.#checkTimes(verified.claims);
    if (verified.claims.cnf['x5t#S256'] !== client.certificateSha256) {
      throw new AttestationError('holder_mismatch');
    }
    return verified;
  }

  async #verify(token: string): Promise<VerifiedToken> {
    const digest = hash('sha256', token, 'base64');
    const cached = this.#verified.get(digest);
    if (cached) {
      const current = this.#issuers.currentGeneration(cached.claims.iss);
      if (current !== undefined && current === cached.generation) return cached;
      this.#verified.delete(digest);
    }
    const { claims } = await this.#judge(token);
    const verified = {
      claims,
      recipient: recipientIn(claims),
      generation: this.#issuers.currentGeneration(claims.iss),
    };
    this.#remember(digest, verified);
    return verified;
  }

  async #judge(token: string): Promise<{ readonly claims: KmsAuthClaims }> {
    const kid = keyIdOf(token);
    const issuer = issuerOf(token);
    const key = await this.#issuers.signingKey(issuer, kid);
    const { payload, protectedHeader } = await compactVerify(token, key, {
      algorithms: [TOKEN_ALGORITHM],
    }).catch((error: unknown) => {
      throw new AttestationError('token_key_untrusted', 'The signature does not verify.', { cause: error });
    });
    if (protectedHeader.typ !== DOCUMENT_TYPE_ROWS.KMS_AUTH_JWT.typ) {
      throw new AttestationError('wrong_document_type');
    }
    const parsed = kmsAuthClaims.safeParse(parseJson(Buffer.from(payload)));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new AttestationError(
        'token_malformed',
        `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`,
      );
    }
    const claims = parsed.data;
    checkLife(claims);
    if (claims.group !== this.#group) throw new AttestationError('issuer_not_in_group');
    if (claims.aud !== kmsAudience(this.#group)) throw new AttestationError('audience_mismatch');
    return { claims };
  }

  #checkTimes({ iat, nbf, exp }: KmsAuthClaims): void {
    const now = this.#context.clock.now() / 1000;
    if (now > exp + this.#leewaySeconds) throw new AttestationError('token_expired');
    if (now < Math.max(nbf, iat) - this.#leewaySeconds) throw new AttestationError('token_not_yet_valid');
  }

  #remember(digest: string, verified: CachedToken): void {
    if (this.#verified.size >= CACHE_LIMIT) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    }
    this.#verified.set(digest, verified);
  }
}

/** Whoever holds a token that lives for ever need not attest again. @throws AttestationError `token_malformed` */
function checkLife({ iat, nbf, exp }: KmsAuthClaims): void {
  if (exp - Math.min(iat, nbf) > MAX_TOKEN_LIFETIME_SECONDS) {
    throw new AttestationError(
      'token_malformed',
      `It is to live longer than ${MAX_TOKEN_LIFETIME_SECONDS} seconds.`,
    );
  }
}

/** @throws AttestationError `token_malformed` */
function recipientIn({ cnf }: KmsAuthClaims): Recipient {
  try {
    return recipientOf(cnf.jwk);
  } catch (error) {
    throw new AttestationError('token_malformed', 'cnf.jwk is not a point on P-256.', { cause: error });
  }
}

/** The key id in a token's header. @throws AttestationError `token_malformed`, `token_alg`, `token_key_untrusted` */
function keyIdOf(token: string): string {
  if (token.length > MAX_TOKEN_CHARACTERS || !COMPACT_JWS.test(token)) {
    throw new AttestationError('token_malformed');
  }
  let header: Record<string, unknown>;
  try {
    header = { ...decodeProtectedHeader(token) };
  } catch (error) {
    throw new AttestationError('token_malformed', undefined, { cause: error });
  }
  if (header.alg !== TOKEN_ALGORITHM) throw new AttestationError('token_alg');
  const choosing = KEY_CHOOSING_HEADERS.find((name) => Object.hasOwn(header, name));
  if (choosing) {
    throw new AttestationError(
      'token_key_untrusted',
      `A token may not bring its own key (header ${choosing}).`,
    );
  }
  const { kid } = header;
  if (typeof kid !== 'string' || !TOKEN_KID.test(kid)) {
    throw new AttestationError(
      'token_key_untrusted',
      'kid is not the SHA-256 of a certificate in base64url.',
    );
  }
  return kid;
}

/** The issuer that a token names; it decides only whose key the signature is judged with. @throws AttestationError `token_malformed` */
function issuerOf(token: string): string {
  const [, payload = ''] = token.split('.');
  const claims = parseJson(Buffer.from(payload, 'base64url'));
  if (typeof claims === 'object' && claims !== null && 'iss' in claims && typeof claims.iss === 'string') {
    return claims.iss;
  }
  throw new AttestationError('token_malformed', 'iss is missing.');
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new AttestationError('token_malformed', 'The payload is not JSON.', { cause: error });
  }
}
