import { CRYPTO_OBJECTS } from './crypto.js';
import { INVENTORY_OBJECTS } from './inventory.js';
import { SERVICE_OBJECTS } from './service.js';

/** Every managed object type that kpsim speaks of, by name: base, properties, methods with their privileges. */
export const VIM_OBJECTS = { ...SERVICE_OBJECTS, ...CRYPTO_OBJECTS, ...INVENTORY_OBJECTS } as const;
