/** What attestation services, key provider services and hosts say to each other. */
export * from './ear.js';
export * from './errors.js';
export * from './exchange.js';
export * from './principal.js';
export * from './reasons.js';
export * from './rest.js';
export * from './steps.js';
export * from './token.js';
