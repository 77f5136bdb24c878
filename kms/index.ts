/** The KMIP key server and its client. */
export * from './client.js';
export { kmsConfigSchema, parseKmsConfig } from './config.js';
export type { KmsConfig, KmsConfigInput } from './config.js';
export { KmsService } from './service.js';
export { SqliteKmsStore } from './sqlite-store.js';
export { StoreConflict } from './store.js';
export type { FindQuery, KmsStore, StoreChange, StoredObject } from './store.js';
