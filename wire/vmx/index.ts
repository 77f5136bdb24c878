/** Files of virtual machines as VMware products write them: `.vmx`, disk descriptors, key locators, encrypted data files. */
export * from './crypto-dict.js';
export * from './data-file.js';
export * from './dictionary.js';
export * from './disk-descriptor.js';
export * from './errors.js';
export * from './key-locator.js';
export * from './key-safe.js';
export * from './sealed-blob.js';
