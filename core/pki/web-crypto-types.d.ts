import type { webcrypto } from 'node:crypto';

/*
 * The X.509 library speaks of the browser's global types; these are Node's, under the same names. In a declaration
 * file, which is not published: those who use kpsim may have these types from elsewhere.
 */
/* eslint-disable @typescript-eslint/no-empty-object-type */
declare global {
  interface Crypto extends webcrypto.Crypto {}
  interface CryptoKey extends webcrypto.CryptoKey {}
  interface CryptoKeyPair extends webcrypto.CryptoKeyPair {}
}
/* eslint-enable @typescript-eslint/no-empty-object-type */
