/** An ESXi-like host: crypto mode, keys, attestation, encrypted virtual machines, vMotion. */
export { HostAgentClient } from './client.js';
export type * from './api/results.js';
export { capabilitiesOf, hostAgentConfigSchema } from './config.js';
export type { HostAgentConfig, HostAgentConfigInput, HostCapabilities } from './config.js';
export { TPM_ENDPOINT, VMOTION_ENDPOINT } from './esx-host.js';
export { EVIDENCE_FAULTS } from './boot/index.js';
export type { EvidenceFaultDescription } from './boot/index.js';
export { HostAgentService, MANAGEMENT_ENDPOINT } from './service.js';
export { EndorsementPool, TPM_KINDS, createTpmVendor, openTpmVendor } from './tpm/index.js';
export type { TpmKind } from './tpm/index.js';
export { nodeFileSystem, readForeignVm } from './vm/index.js';
export type { PlatformParts } from './trust/platform.js';
