/** Services that run alone, each started from its settings. */
export * from './settings.js';
export * from './standalone.js';
