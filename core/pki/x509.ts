import 'reflect-metadata';

import { webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

/** The X.509 library, with Node's own cryptography set; import it from here only. */
export { x509 };
