import type { MethodHandlers } from '../../wire/vim25/index.js';
import type { Caller } from './caller.js';
import { KMIP_CERTIFICATE_METHODS } from './crypto-manager-certificates.js';
import { KMIP_KEY_METHODS } from './crypto-manager-keys.js';
import { KMIP_SERVER_METHODS, listClusters } from './crypto-manager-servers.js';
import type { PropertyReaders } from './property-table.js';

/** CryptoManagerKmip: key providers, their key servers and certificates, and keys. */
export const CRYPTO_MANAGER_METHODS: MethodHandlers<Caller, 'CryptoManagerKmip'> = {
  ...KMIP_SERVER_METHODS,
  ...KMIP_CERTIFICATE_METHODS,
  ...KMIP_KEY_METHODS,
};

/** Properties of CryptoManagerKmip. */
export const CRYPTO_MANAGER_PROPERTIES: PropertyReaders<'CryptoManagerKmip'> = {
  enabled: () => true,
  kmipServers: (caller) => listClusters(caller, { withServers: true }),
};
