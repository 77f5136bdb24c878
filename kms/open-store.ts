import type { ServiceContext } from '../core/context.js';
import type { KmsConfig } from './config.js';
import { SqliteKmsStore } from './sqlite-store.js';
import type { KmsStore } from './store.js';

/** Opens the store that a configuration names. @throws KpsimError as the stores' `open` do */
export async function openStore({ store }: KmsConfig, { dataDir, log }: ServiceContext): Promise<KmsStore> {
  switch (store.kind) {
    case 'sqlite':
      return SqliteKmsStore.open(dataDir);
    case 'postgresql': {
      // Loaded only where there is such a database: nothing else needs its client.
      const { PostgresKmsStore } = await import('./postgres/store.js');
      return PostgresKmsStore.open(store, log);
    }
  }
}
