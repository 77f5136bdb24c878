/** vSphere Trust Authority: attestation service and key provider service. */
export { trustAuthorityConfig } from './config.js';
export type { TrustAuthorityConfig, TrustAuthorityConfigInput } from './config.js';
export { TrustAuthorityService } from './service.js';
