/** ESXi base images: what an attestation service knows of a release, and `boot_imgdb.tgz` that brings it. */
export * from './base-image.js';
export * from './imgdb.js';
export * from './presets.js';
