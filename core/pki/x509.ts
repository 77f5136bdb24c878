import 'reflect-metadata';

import { webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

/* The X.509 library speaks of the browser's global types; these are Node's, under the same names. */
/* eslint-disable @typescript-eslint/no-empty-object-type */
declare global {
  interface Crypto extends webcrypto.Crypto {}
  interface CryptoKey extends webcrypto.CryptoKey {}
  interface CryptoKeyPair extends webcrypto.CryptoKeyPair {}
}
/* eslint-enable @typescript-eslint/no-empty-object-type */

x509.cryptoProvider.set(webcrypto);

/** The X.509 library, with Node's own cryptography set; import it from here only. */
export { x509 };
