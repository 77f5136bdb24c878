/*
 * Values of string fields for which the data model has an enumeration in name only: on the wire they are strings.
 */

/** `VirtualMachineConfigSpec.migrateEncryption`. */
export const MIGRATE_ENCRYPTION_MODES = ['disabled', 'opportunistic', 'required'] as const;
/** One of {@link MIGRATE_ENCRYPTION_MODES}. */
export type MigrateEncryptionMode = (typeof MIGRATE_ENCRYPTION_MODES)[number];

/** `HostRuntimeInfo.cryptoState`. */
export const HOST_CRYPTO_STATES = ['incapable', 'prepared', 'safe', 'pendingIncapable'] as const;
/** One of {@link HOST_CRYPTO_STATES}. */
export type HostCryptoState = (typeof HOST_CRYPTO_STATES)[number];

/** `VirtualMachineRuntimeInfo.cryptoState`. */
export const VIRTUAL_MACHINE_CRYPTO_STATES = ['unlocked', 'locked'] as const;
/** One of {@link VIRTUAL_MACHINE_CRYPTO_STATES}. */
export type VirtualMachineCryptoState = (typeof VIRTUAL_MACHINE_CRYPTO_STATES)[number];

/** `KmipClusterInfo.managementType`. */
export const KMS_MANAGEMENT_TYPES = ['unknown', 'vCenter', 'trustAuthority', 'nativeProvider'] as const;
/** One of {@link KMS_MANAGEMENT_TYPES}. */
export type KmsManagementType = (typeof KMS_MANAGEMENT_TYPES)[number];

/** `CryptoManagerKmipCryptoKeyStatus.reason`: why a key is not available. */
export const KEY_UNAVAILABLE_REASONS = [
  'KeyStateMissingInCache',
  'KeyStateClusterInvalid',
  'KeyStateClusterUnreachable',
  'KeyStateMissingInKMS',
  'KeyStateNotActiveOrEnabled',
  'KeyStateManagedByTrustAuthority',
  'KeyStateManagedByNKP',
  'NoPermissionToAccessKeyProvider',
  'WrappingKeyMissingInKMS',
  'WrappingKeyNotActiveOrEnabled',
] as const;
/** One of {@link KEY_UNAVAILABLE_REASONS}. */
export type KeyUnavailableReason = (typeof KEY_UNAVAILABLE_REASONS)[number];

/** `CryptoManagerHostKeyStatus.managementType`. */
export const HOST_KEY_MANAGEMENT_TYPES = ['unknown', 'internal', 'external'] as const;
/** One of {@link HOST_KEY_MANAGEMENT_TYPES}. */
export type HostKeyManagementType = (typeof HOST_KEY_MANAGEMENT_TYPES)[number];

/** `ClusterComputeResource.SetCryptoMode` and `ClusterCryptoConfigInfo.cryptoMode`. */
export const CLUSTER_CRYPTO_MODES = ['onDemand', 'forceEnable'] as const;
/** One of {@link CLUSTER_CRYPTO_MODES}. */
export type ClusterCryptoMode = (typeof CLUSTER_CRYPTO_MODES)[number];

/** `HostTrustAuthorityAttestationInfo.attestationStatus`. */
export const ATTESTATION_STATUSES = ['attested', 'notAttested', 'unknown'] as const;
/** One of {@link ATTESTATION_STATUSES}. */
export type AttestationStatus = (typeof ATTESTATION_STATUSES)[number];

/** Bits of `CryptoManagerKmip.QueryCryptoKeyStatus.checkKeyBitMap`. */
export const CHECK_KEY_BITS = { available: 1, usedByVms: 2, usedByHosts: 4, usedByOther: 8 } as const;
/** Bits of `CryptoManagerKmip.ListKmsClusters.managementTypeFilter`. */
export const MANAGEMENT_TYPE_BITS = {
  vCenter: 1,
  trustedRegistered: 2,
  trustedUnregistered: 4,
  nativeProvider: 8,
} as const;
