/** The KMIP key server. Its client is client.ts, which a server has no need to load. */
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
