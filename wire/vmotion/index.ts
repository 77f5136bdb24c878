/** The migration stream: header, frames, manifest. Its layout is an own choice; nothing of it is published. */
export * from './errors.js';
export * from './frame.js';
export * from './manifest.js';
