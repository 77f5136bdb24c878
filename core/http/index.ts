/** HTTPS servers and clients, and the vSphere Automation API's form of errors. */
export * from './app.js';
export * from './client-names.js';
export * from './fault-gate.js';
export * from './fault-types.js';
export * from './http-client.js';
export * from './https-server.js';
export * from './validate.js';
export * from './vapi-error.js';
