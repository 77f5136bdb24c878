import type { ServiceContext } from '../core/context.js';
import type { KmsConfig } from './config.js';
import { PostgresKmsStore } from './postgres/store.js';
import { SqliteKmsStore } from './sqlite-store.js';
import type { KmsStore } from './store.js';

/** Opens the store that a configuration names. @throws KpsimError as the stores' `open` do */
export function openStore({ store }: KmsConfig, { dataDir, log }: ServiceContext): Promise<KmsStore> {
  switch (store.kind) {
    case 'sqlite':
      return SqliteKmsStore.open(dataDir);
    case 'postgresql':
      return PostgresKmsStore.open(store, log);
  }
}
