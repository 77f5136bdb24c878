/**
 * TPM 2.0 structures, commands, cryptographic formats and TCG event logs as pure codecs and tables.
 * A decoder that finds its input wrong throws `TpmError` (structures) or `EventLogError` (event logs).
 */
export * from './algorithm-codec.js';
export * from './algorithms.js';
export * from './attest.js';
export * from './commands.js';
export * from './constants.js';
export * from './credential.js';
export * from './errors.js';
export * from './event-log/esxi.js';
export * from './event-log/event-log.js';
export * from './event-log/event-types.js';
export * from './event-log/replay.js';
export * from './event-log/uefi.js';
export * from './frame.js';
export * from './kdf.js';
export * from './nv.js';
export * from './pcr.js';
export * from './protection.js';
export * from './public-area.js';
export * from './reader.js';
export * from './response-codes.js';
export * from './secret-exchange.js';
export * from './sensitive.js';
export * from './signature.js';
export * from './templates.js';
export * from './writer.js';
