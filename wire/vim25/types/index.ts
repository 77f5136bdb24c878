import { AUTHORIZATION_TYPES } from './authorization.js';
import { BASE_TYPES } from './base.js';
import { COMPUTE_RESOURCE_TYPES } from './compute-resource.js';
import { CRYPTO_TYPES } from './crypto.js';
import { DATASTORE_TYPES } from './datastore.js';
import { EVENT_TYPES } from './event.js';
import { FAULT_TYPES } from './fault.js';
import { HOST_TYPES } from './host.js';
import { MIGRATION_TYPES } from './migration.js';
import { PROPERTY_COLLECTOR_TYPES } from './property-collector.js';
import { SERVICE_TYPES } from './service.js';
import { TASK_TYPES } from './task.js';
import { VIRTUAL_DEVICE_TYPES } from './virtual-device.js';
import { VIRTUAL_MACHINE_TYPES } from './virtual-machine.js';

export { ENUMERATIONS } from './enumerations.js';

/**
 * Every data type that kpsim speaks of, by name. VI/JSON and SOAP are driven from here, and the TypeScript types
 * (`Vim<'CryptoKeyId'>`) are derived from it. Fields whose types kpsim has no use for are left out.
 */
export const VIM_TYPES = {
  ...BASE_TYPES,
  ...SERVICE_TYPES,
  ...TASK_TYPES,
  ...PROPERTY_COLLECTOR_TYPES,
  ...AUTHORIZATION_TYPES,
  ...CRYPTO_TYPES,
  ...VIRTUAL_MACHINE_TYPES,
  ...VIRTUAL_DEVICE_TYPES,
  ...MIGRATION_TYPES,
  ...HOST_TYPES,
  ...COMPUTE_RESOURCE_TYPES,
  ...DATASTORE_TYPES,
  ...EVENT_TYPES,
  ...FAULT_TYPES,
} as const;
