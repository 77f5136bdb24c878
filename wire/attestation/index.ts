/** What attestation services, key provider services and hosts say to each other. */
export * from './catalogue.js';
export * from './ear.js';
export * from './errors.js';
export * from './exchange.js';
export * from './explanation.js';
export * from './json-text.js';
export * from './principal.js';
export * from './reasons.js';
export * from './rest.js';
export * from './steps.js';
export * from './token.js';
