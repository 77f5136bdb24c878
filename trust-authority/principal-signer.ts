import { createPrivateKey, sign } from 'node:crypto';

import { certificateX5tS256, parsePemChain } from '../core/pki/index.js';
import {
  MAX_PRINCIPAL_LIFETIME_SECONDS,
  encodePrincipalToken,
  principalAudience,
  principalClaims,
  principalName,
  principalSigningInput,
} from '../wire/attestation/index.js';
import type { StsPrincipal } from '../wire/attestation/index.js';

/** Life of a principal token unless told, in seconds: a week, so that hosts get keys while their vCenter is away. */
const DEFAULT_LIFETIME_SECONDS = 7 * 86_400;

/** What the Security Token Service of a vCenter signs with. */
export interface PrincipalSigner {
  /** `issuer` of the consumer principals that it signs for. */
  readonly issuer: string;
  /** The signing certificate first; its key must be on P-256. */
  readonly certificateChainPem: string;
  /** PKCS#8. */
  readonly privateKeyPem: string;
}

/** What a principal token says. */
export interface PrincipalTokenRequest {
  /** The user; `STS_USER`. */
  readonly principal: StsPrincipal;
  /** Groups that the user is in. */
  readonly memberOf?: readonly StsPrincipal[] | undefined;
  /** Groups of key provider services that it is for. */
  readonly serviceGroups: readonly string[];
  /** The host's TLS certificate, in PEM; no other client can use the token. */
  readonly hostCertificatePem: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** At most 30 days; 7 days unless told. */
  readonly lifetimeSeconds?: number | undefined;
}

/**
 * Signs a principal token (ES256) with which a host shows for whom it works.
 *
 * @throws KpsimError `certificate_invalid`; ZodError if a value does not fit the token's claims
 */
export function signPrincipalToken(signer: PrincipalSigner, request: PrincipalTokenRequest): string {
  const [signing] = parsePemChain(signer.certificateChainPem);
  const [host] = parsePemChain(request.hostCertificatePem);
  if (!signing || !host) throw new Error('parsePemChain answers at least one certificate');
  const iat = Math.floor(request.nowMs / 1000);
  const lifetime = Math.min(
    request.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS,
    MAX_PRINCIPAL_LIFETIME_SECONDS,
  );
  const claims = principalClaims.parse({
    iss: signer.issuer,
    sub: principalName(request.principal),
    ...(request.memberOf && { groups: request.memberOf.map(principalName) }),
    aud: request.serviceGroups.map(principalAudience),
    iat,
    exp: iat + lifetime,
    cnf: { 'x5t#S256': certificateX5tS256(host) },
  });
  const signingInput = principalSigningInput(certificateX5tS256(signing), claims);
  const signature = sign('sha256', Buffer.from(signingInput, 'latin1'), {
    key: createPrivateKey(signer.privateKeyPem),
    dsaEncoding: 'ieee-p1363',
  });
  return encodePrincipalToken(signingInput, signature);
}
