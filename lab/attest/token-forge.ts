import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';

import { CompactSign, decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';

import { TOKEN_ALGORITHM } from '../../wire/attestation/index.js';

/** The header of a token, with changes. */
function headerOf(token: string, changes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...decodeProtectedHeader(token), ...changes };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');
}

function partsOf(token: string): readonly [header: string, payload: string, signature: string] {
  const [header = '', payload = '', signature = ''] = token.split('.');
  return [header, payload, signature];
}

/** The same claims without any signature (RFC 7518 §3.6). */
export function unsigned(token: string): string {
  const [, payload] = partsOf(token);
  return `${encoded(headerOf(token, { alg: 'none' }))}.${payload}.`;
}

/** The same claims with an HMAC under the text of a public key, which everybody has. */
export function macUnderPublicKey(token: string, publicKeyPem: string): string {
  const [, payload] = partsOf(token);
  const signing = `${encoded(headerOf(token, { alg: 'HS256' }))}.${payload}`;
  return `${signing}.${createHmac('sha256', publicKeyPem).update(signing).digest('base64url')}`;
}

/** The same token under another key id. */
export function withKeyId(token: string, kid: string): string {
  const [, payload, signature] = partsOf(token);
  return `${encoded(headerOf(token, { kid }))}.${payload}.${signature}`;
}

/** A key id in the right form that no certificate has. */
export function unknownKeyId(): string {
  return randomBytes(32).toString('base64url');
}

/** Header parameters that name or bring a key (RFC 7515 §4.1). */
export type KeyHeader = 'jwk' | 'jku' | 'x5c';

/** The same claims, really signed by a key that the header brings or names. */
export function signedByOwnKey(token: string, name: KeyHeader): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = {
    jwk: publicKey.export({ format: 'jwk' }),
    jku: 'https://127.0.0.1:1/keys',
    x5c: [publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
  }[name];
  return new CompactSign(Buffer.from(JSON.stringify(decodeJwt(token)), 'utf8'))
    .setProtectedHeader({ ...headerOf(token, { [name]: header }), alg: TOKEN_ALGORITHM })
    .sign(privateKey);
}

/** Other claims under the header of a token, signed as the issuer of `kid` signs. */
export function signedAnew(
  token: string,
  changes: JWTPayload,
  signer: { readonly kid: string; readonly privateKey: CryptoKey },
): Promise<string> {
  return new SignJWT({ ...decodeJwt(token), ...changes })
    .setProtectedHeader({ ...headerOf(token, { kid: signer.kid }), alg: TOKEN_ALGORITHM })
    .sign(signer.privateKey);
}
