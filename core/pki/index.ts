/** Certificates and authorities. What this does not do the X.509 library does, in `x509.ts`, which takes long to load. */
export * from './certificate.js';
export * from './certificate-authority.js';
export * from './certificate-encoding.js';
export * from './certificate-parts.js';
export * from './ip-address.js';
export * from './shown-certificate.js';
