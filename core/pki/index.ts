/** Certificates and authorities, over the X.509 library. */
export * from './certificate.js';
export * from './certificate-authority.js';
export * from './shown-certificate.js';
export { x509 } from './x509.js';
