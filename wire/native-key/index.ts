/** Keys of the native key provider: their ids, and how a host derives them from the KDK. Pure, no I/O. */
export * from './derive.js';
export * from './key-id.js';
