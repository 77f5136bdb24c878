/** The vSphere Native Key Provider of one vCenter. */
export * from './client.js';
export { PROVIDER_LIMIT, nativeKpConfigSchema } from './config.js';
export type { NativeKpConfig } from './config.js';
export { NativeKpService } from './service.js';
export { systemScheduler } from './supply/scheduler.js';
export type { Scheduler } from './supply/scheduler.js';
