/**
 * The vSphere Web Services data model as kpsim uses it: one set of tables, from which the TypeScript types, the
 * VI/JSON codec and the method table are driven. Pure data and codecs, no I/O.
 */
export * from './backend.js';
export * from './boxed.js';
export * from './fault.js';
export * from './json-decode.js';
export * from './json-encode.js';
export * from './masked.js';
export * from './method-table.js';
export { VIM_OBJECTS } from './objects/index.js';
export * from './primitives.js';
export * from './registry.js';
export * from './type-expression.js';
export { ENUMERATIONS, VIM_TYPES } from './types/index.js';
export type * from './vim.js';
export * from './words.js';
