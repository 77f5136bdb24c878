import { dataFileBytes } from '../../wire/vmx/index.js';

/** Most guest memory that a destination accepts, in bytes (own choice). */
export const GUEST_MEMORY_MAX_BYTES = 1024 * 1024 * 1024;

/** Largest file of a suspended VM that a migration takes along, in bytes at rest. */
export const SUSPEND_STATE_MAX_BYTES = dataFileBytes(GUEST_MEMORY_MAX_BYTES);
