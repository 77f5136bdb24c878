/** The boot of an ESXi host as its TPM sees it. */
export type { BootLoaderOptions } from './esxi-loader.js';
export { EVIDENCE_FAULTS, EvidenceFaults } from './evidence-faults.js';
export type { EvidenceFaultDescription } from './evidence-faults.js';
export { BOOT_FAULTS } from './faults.js';
export type { BootFault } from './faults.js';
export { DEFAULT_FIRMWARE } from './firmware.js';
export type { FirmwareProfile } from './firmware.js';
export { bootMeasurements, measuredBoot } from './measured-boot.js';
export type { MeasuredBoot, MeasuredBootOptions } from './measured-boot.js';
export type { Measurement } from './measurement.js';
export { DEFAULT_SECURE_BOOT } from './secure-boot.js';
export type { SecureBootPolicy } from './secure-boot.js';
