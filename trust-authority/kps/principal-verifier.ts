import { createHash, verify } from 'node:crypto';

import type { ServiceContext } from '../../core/context.js';
import {
  AttestationError,
  MAX_PRINCIPAL_LIFETIME_SECONDS,
  PRINCIPAL_HEADER,
  decodePrincipalToken,
  principalAudience,
  principalName,
} from '../../wire/attestation/index.js';
import type { DecodedPrincipalToken, PrincipalClaims } from '../../wire/attestation/index.js';
import { isChainValidAt } from '../pki/signing-chain.js';
import type { ClientIdentity } from '../rest/operation.js';
import type { ConsumerPrincipals, RegisteredSigner } from './consumer-principals.js';

/** Verified tokens that are remembered; each host has one. */
const CACHE_LIMIT = 20_000;

interface CachedPrincipal {
  readonly claims: PrincipalClaims;
  /** Those under whose certificates the signature verified. */
  readonly signers: readonly RegisteredSigner[];
  /** Version of the principals that it was verified against. */
  readonly version: number;
}

/**
 * Checks principal tokens: form, signature by a certificate that was registered for a principal of the token's issuer,
 * audience, holder and times. A verified signature is remembered until principals change; everything that depends on
 * time or on the caller is checked at every use.
 */
export class PrincipalVerifier {
  readonly #context: ServiceContext;
  readonly #principals: ConsumerPrincipals;
  readonly #audience: string;
  readonly #leewaySeconds: number;
  readonly #verified = new Map<string, CachedPrincipal>();

  constructor(options: {
    readonly context: ServiceContext;
    readonly principals: ConsumerPrincipals;
    readonly group: string;
    readonly leewaySeconds: number;
  }) {
    this.#context = options.context;
    this.#principals = options.principals;
    this.#audience = principalAudience(options.group);
    this.#leewaySeconds = options.leewaySeconds;
  }

  /**
   * Profiles of the registered principals that a host works for, at least one.
   *
   * @param token the principal token of the request
   * @throws AttestationError `principal_token_invalid`, `sts_issuer_untrusted`, `principal_not_entitled` if the issuer
   * is trusted, but none of its principals in the token is registered
   */
  authorize(token: string | undefined, client: ClientIdentity): ReadonlySet<string> {
    if (token === undefined) throw invalid(`The request has no header ${PRINCIPAL_HEADER}.`);
    const { claims, signers } = this.#verify(token);
    this.#checkTimes(claims);
    if (!claims.aud.includes(this.#audience)) throw invalid('It is for another group of services.');
    if (claims.cnf['x5t#S256'] !== client.certificateSha256) {
      throw invalid('It is bound to another client certificate.');
    }
    const now = this.#context.clock.now();
    const valid = signers.filter(({ chain }) => isChainValidAt(chain, now));
    if (valid.length === 0) {
      throw new AttestationError('sts_issuer_untrusted', 'Its signing certificate is not valid now.');
    }
    const profiles = valid.filter((signer) => vouchesFor(signer, claims)).map(({ principal }) => principal);
    if (profiles.length === 0) {
      throw new AttestationError('principal_not_entitled', `${claims.sub} is not registered.`);
    }
    return new Set(profiles.map(({ profile }) => profile));
  }

  #verify(token: string): CachedPrincipal {
    const { version } = this.#principals;
    const digest = createHash('sha256').update(token).digest('base64');
    const cached = this.#verified.get(digest);
    if (cached?.version === version) return cached;
    const decoded = decodePrincipalToken(token);
    if (!decoded) throw invalid('It is not a principal token.');
    const { claims, header } = decoded;
    const candidates = this.#principals.signers(claims.iss, header.kid);
    const signers = candidates.filter((signer) => isSignedBy(decoded, signer));
    if (signers.length === 0) throw this.#untrusted(claims.iss, candidates.length > 0);
    const verified = { claims, signers, version };
    this.#remember(digest, verified);
    return verified;
  }

  #untrusted(issuer: string, isKnownKey: boolean): AttestationError {
    if (isKnownKey) return new AttestationError('sts_issuer_untrusted', 'The signature does not verify.');
    return new AttestationError(
      'sts_issuer_untrusted',
      this.#principals.knowsIssuer(issuer)
        ? 'The certificate that signed the token is not registered.'
        : 'No principal of it is registered.',
    );
  }

  #checkTimes({ iat, exp }: PrincipalClaims): void {
    const now = this.#context.clock.now() / 1000;
    if (exp - iat > MAX_PRINCIPAL_LIFETIME_SECONDS || exp <= iat) {
      throw invalid(`It must live at most ${MAX_PRINCIPAL_LIFETIME_SECONDS} seconds.`);
    }
    if (now > exp + this.#leewaySeconds) throw invalid('It has expired.');
    if (now < iat - this.#leewaySeconds) throw invalid('It is from the future; check the clocks.');
  }

  #remember(digest: string, verified: CachedPrincipal): void {
    if (this.#verified.size >= CACHE_LIMIT) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest);
        break;
      }
    }
    this.#verified.set(digest, verified);
  }
}

function invalid(detail: string): AttestationError {
  return new AttestationError('principal_token_invalid', detail);
}

function isSignedBy(
  { signingInput, signature }: DecodedPrincipalToken,
  { chain }: RegisteredSigner,
): boolean {
  const [leaf] = chain;
  if (leaf === undefined) return false;
  return verify('sha256', signingInput, { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

/** True if the user of the token, or a group that it is in, is the principal. */
function vouchesFor(
  { principal: { principal } }: RegisteredSigner,
  { sub, groups }: PrincipalClaims,
): boolean {
  const name = principalName(principal);
  return principal.type === 'STS_USER' ? sub === name : (groups?.includes(name) ?? false);
}
