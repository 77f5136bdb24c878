/** TPMs as a host's mainboard has them: power, locality, bus, snapshots; the built-in one and swtpm. */
export { TPM_KINDS } from './device.js';
export type { TpmAddress, TpmDeviceHandle, TpmKind, TpmMaker } from './device.js';
export { provision } from './provision.js';
export type { ProvisionOptions } from './provision.js';
export { SoftwareTpmMaker } from './software-device.js';
export type { SoftwareTpmMakerOptions } from './software-device.js';
export { SwtpmMaker } from './swtpm-device.js';
export type { SwtpmMakerOptions } from './swtpm-device.js';
