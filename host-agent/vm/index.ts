/** Encrypted virtual machines of a host: their files, disks, keys, power and guests. */
export { bundleKeyIds, cryptoKeyText, sameCryptoKey } from './crypto-key.js';
export type { CryptoKeyId, KekResolver, NamedKek } from './crypto-key.js';
export { copyDisk, diskDigestHex, EncryptedDisk, FlatDisk } from './disk.js';
export type { VirtualDisk } from './disk.js';
export { VmError } from './errors.js';
export type { VmErrorCode } from './errors.js';
export { nodeFileSystem } from './file-system.js';
export type { FileSystem } from './file-system.js';
export { GUEST_IO_MAX_BYTES, RunningGuest } from './guest.js';
export { VirtualMachine } from './virtual-machine.js';
export { MIGRATE_ENCRYPTION_MODES } from './vm-config.js';
export type { MigrateEncryption } from './vm-config.js';
export type { DiskSelection } from './vm-encryption.js';
export type { Datastore } from './vm-folders.js';
export type { DiskInfo, PowerState, VmCryptoState, VmFileInfo, VmInfo } from './vm-info.js';
export { VmStore } from './vm-store.js';
export type { CopyTarget, NewVmSpec, VmStoreOptions } from './vm-store.js';
export { XtsCipher } from './xts.js';
