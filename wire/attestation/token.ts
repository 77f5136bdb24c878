import * as z from 'zod';

import { hostKeyJwk } from './exchange.js';
import type { DocumentType } from './rest.js';

/** What is known about one type of document: its `typ` header (RFC 8725 §3.11). */
export interface DocumentTypeRow {
  readonly typ: string;
  /** What it is for. */
  readonly purpose: string;
}

/** Documents that an attestation service issues. Own choice. */
export const DOCUMENT_TYPE_ROWS = {
  KMS_AUTH_JWT: { typ: 'kms-auth+jwt', purpose: 'Shown to a key provider service to get keys.' },
  REPORTING_JWT: { typ: 'reporting+jwt', purpose: 'For people and audits; it never opens anything.' },
} as const satisfies Record<DocumentType, DocumentTypeRow>;

/** The one signature algorithm of documents (RFC 7518 §3.4). */
export const TOKEN_ALGORITHM = 'ES256';

/** Longest document that is read, in characters. */
export const MAX_TOKEN_CHARACTERS = 8192;

/** Longest life of a document, in seconds (31 days): no service issues a longer one, and none is accepted. Own choice. */
export const MAX_TOKEN_LIFETIME_SECONDS = 31 * 86_400;

/** `kid`: SHA-256 of the signing certificate in base64url, as `x5t#S256`. */
export const TOKEN_KID = /^[A-Za-z0-9_-]{43}$/;

/** Audience of a KMS_AUTH_JWT for a group of services. */
export function kmsAudience(group: string): string {
  return `kpsim:kms:${group}`;
}

/** The group of services that trust each other, for example `group-1`. */
export const serviceGroup = z
  .string()
  .min(1)
  .max(80)
  .regex(/^[A-Za-z0-9._:-]+$/, 'letters, digits, dots, colons and dashes');

/** Claims of a `KMS_AUTH_JWT` (RFC 7519), bound to its holder twice: by key (RFC 7800) and by certificate (RFC 8705). */
export const kmsAuthClaims = z.strictObject({
  /** The attestation service: its URL. */
  iss: z.url().max(512),
  /** The host's id. */
  sub: z.string().min(1).max(128),
  aud: z.string().max(256),
  group: serviceGroup,
  cnf: z.strictObject({
    jwk: hostKeyJwk,
    'x5t#S256': z.string().regex(TOKEN_KID, 'SHA-256 in base64url'),
  }),
  iat: z.number().int().nonnegative(),
  nbf: z.number().int().nonnegative(),
  exp: z.number().int().nonnegative(),
  jti: z.uuid(),
});

/** Payload of a `KMS_AUTH_JWT`. */
export type KmsAuthClaims = z.infer<typeof kmsAuthClaims>;

/** Protected header of a document. */
export interface TokenHeader {
  readonly alg: typeof TOKEN_ALGORITHM;
  readonly typ: string;
  readonly kid: string;
}
