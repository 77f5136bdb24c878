/** Types of the vSphere Automation API (vAPI), and its JSON-RPC. */
export * from './errors.js';
export * from './json-rpc.js';
export * from './standard.js';
export * from './types.js';
