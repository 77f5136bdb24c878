/** Encrypted vMotion of a host: sending, receiving, and the commit that leaves a VM on exactly one host. */
export { VmotionError } from '../../wire/vmotion/index.js';
export type { VmotionErrorCode } from '../../wire/vmotion/index.js';
export type { MigrationRole, MigrationState } from './migration-journal.js';
export { migrationSpecSchema, parseMigrationSpec } from './migration-spec.js';
export type { MigrationSpec } from './migration-spec.js';
export { reconcileMigration } from './reconcile.js';
export type { MigrationEnd, SourceEnd } from './reconcile.js';
export type { Destination, SendResult } from './sender.js';
export { VmotionEngine } from './vmotion-engine.js';
export type { VmotionEngineOptions } from './vmotion-engine.js';
