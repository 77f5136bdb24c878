/** The KMIP key server and its client. */
export * from './client.js';
export { kmsConfigSchema, parseKmsConfig, sharedDatabaseSchema } from './config.js';
export type { KmsConfig, KmsConfigInput } from './config.js';
export { KmsService } from './service.js';
export { SqliteKmsStore } from './sqlite-store.js';
export { StoreConflict, StoreUnavailable } from './store.js';
export type {
  FindQuery,
  FoundObject,
  KmsReader,
  KmsSnapshot,
  KmsStore,
  StoreChange,
  StoredObject,
} from './store.js';
