import * as z from 'zod';

import { x509CertChain } from './rest.js';
import { TOKEN_ALGORITHM, TOKEN_KID } from './token.js';

/** Kinds of principals (`StsPrincipalType` of the vSphere Automation API). */
export const STS_PRINCIPAL_TYPES = ['STS_USER', 'STS_GROUP'] as const;

/** Printable text without the character that parts name and domain. */
const principalPart = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[\x21-\x3f\x41-\x7e]+$/, 'printable ASCII without spaces and @');

/** `StsPrincipal`: a user or a group of a vCenter's Security Token Service. */
export const stsPrincipal = z.strictObject({
  id: z.strictObject({ name: principalPart, domain: principalPart }),
  type: z.enum(STS_PRINCIPAL_TYPES),
});

/** A user or a group of a vCenter's Security Token Service. */
export type StsPrincipal = z.infer<typeof stsPrincipal>;

/** `name@domain`, as tokens name users and groups. */
export function principalName({ id }: StsPrincipal): string {
  return `${id.name}@${id.domain}`;
}

/** Who issues tokens: usually the URL of the vCenter's Security Token Service. */
const stsIssuer = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces');

/** `ConsumerPrincipals.CreateSpec`: whose workloads may use the key provider service, and how they are recognized. */
export const consumerPrincipalSpec = z.strictObject({
  principal: stsPrincipal,
  issuer: stsIssuer,
  issuer_alias: z.string().min(1).max(255),
  /** Signing certificates of the issuer, each with its issuers, the signing certificate first. */
  certificates: z.array(x509CertChain).min(1).max(8),
});

/** A new consumer principal. */
export type ConsumerPrincipalSpec = z.infer<typeof consumerPrincipalSpec>;

/** A consumer principal as a key provider service knows it. */
export interface ConsumerPrincipal extends ConsumerPrincipalSpec {
  /** Its id, derived from issuer and principal: services that are configured alike name it alike (own choice). */
  readonly profile: string;
}

/** `typ` of a principal token. Own choice: vSphere's are SAML assertions. */
export const PRINCIPAL_TOKEN_TYPE = 'principal+jwt';

/** The request header in which a host sends its principal token, beside the KMS_AUTH_JWT. Own choice. */
export const PRINCIPAL_HEADER = 'kpsim-principal';

/** Longest principal token that is read, in characters. */
export const MAX_PRINCIPAL_TOKEN_CHARACTERS = 4096;

/** Longest life of a principal token, in seconds; vCenter's holder-of-key tokens live 30 days at most. */
export const MAX_PRINCIPAL_LIFETIME_SECONDS = 30 * 86_400;

/** Audience of principal tokens for the key provider services of a group; never that of a KMS_AUTH_JWT. */
export function principalAudience(group: string): string {
  return `kpsim:principal:${group}`;
}

/** A principal token: a compact JWS of three parts that are not empty. */
export const principalToken = z
  .string()
  .max(MAX_PRINCIPAL_TOKEN_CHARACTERS)
  .regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, 'a compact JWS');

/** Protected header of a principal token; nothing else may be in it, least of all a key. */
export const principalTokenHeader = z.strictObject({
  alg: z.literal(TOKEN_ALGORITHM),
  typ: z.literal(PRINCIPAL_TOKEN_TYPE),
  /** `x5t#S256` of the issuer's signing certificate. */
  kid: z.string().regex(TOKEN_KID, 'SHA-256 in base64url'),
});

/** Protected header of a principal token. */
export type PrincipalTokenHeader = z.infer<typeof principalTokenHeader>;

/** Claims of a principal token: the issuer vouches that a host with that certificate works for the principal. */
export const principalClaims = z.strictObject({
  iss: stsIssuer,
  /** `name@domain` of the user. */
  sub: z.string().min(3).max(511),
  /** `name@domain` of the groups that the user is in. */
  groups: z.array(z.string().min(3).max(511)).max(32).optional(),
  /** One for each group of services that it is for; see {@link principalAudience}. */
  aud: z.array(z.string().min(1).max(256)).min(1).max(16),
  iat: z.number().int().nonnegative(),
  exp: z.number().int().nonnegative(),
  /** The TLS certificate of the host that may show it (RFC 8705). */
  cnf: z.strictObject({ 'x5t#S256': z.string().regex(TOKEN_KID, 'SHA-256 in base64url') }),
});

/** Payload of a principal token. */
export type PrincipalClaims = z.infer<typeof principalClaims>;

/** A principal token taken apart; its signature is not judged yet. */
export interface DecodedPrincipalToken {
  readonly header: PrincipalTokenHeader;
  readonly claims: PrincipalClaims;
  /** What was signed. */
  readonly signingInput: Buffer;
  /** r ‖ s, 64 bytes (RFC 7518 §3.4). */
  readonly signature: Buffer;
}

/** What a principal token is signed over (RFC 7515 §5.1). */
export function principalSigningInput(kid: string, claims: PrincipalClaims): string {
  const header: PrincipalTokenHeader = { alg: TOKEN_ALGORITHM, typ: PRINCIPAL_TOKEN_TYPE, kid };
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

/** The token of a signing input and its signature (r ‖ s, 64 bytes). */
export function encodePrincipalToken(signingInput: string, signature: Uint8Array): string {
  return `${signingInput}.${Buffer.from(signature).toString('base64url')}`;
}

/** Takes a principal token apart; undefined if it is none, for whatever reason: all of it is somebody else's text. */
export function decodePrincipalToken(token: string): DecodedPrincipalToken | undefined {
  if (!principalToken.safeParse(token).success) return undefined;
  const [headerPart = '', claimsPart = '', signaturePart = ''] = token.split('.');
  const header = principalTokenHeader.safeParse(parsedPart(headerPart));
  const claims = principalClaims.safeParse(parsedPart(claimsPart));
  const signature = Buffer.from(signaturePart, 'base64url');
  if (!header.success || !claims.success || signature.length !== SIGNATURE_BYTES) return undefined;
  // Bits that base64url leaves over would give one token several texts.
  if (signature.toString('base64url') !== signaturePart) return undefined;
  const signingInput = Buffer.from(`${headerPart}.${claimsPart}`, 'latin1');
  return { header: header.data, claims: claims.data, signingInput, signature };
}

/** Length of an ES256 signature. */
const SIGNATURE_BYTES = 64;

function parsedPart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
