import type * as z from 'zod';

import type {
  AttestationStatus,
  HostCryptoState,
  HostKeyManagementType,
  KeyUnavailableReason,
  VirtualMachineCryptoState,
} from '../../wire/vim25/index.js';
import type { DocumentType, Explanation } from '../../wire/attestation/index.js';
import type { MigrationSpec } from '../vmotion/migration-spec.js';
import type * as schemas from './schemas.js';

export type { HostCryptoState, KeyUnavailableReason, MigrationSpec };

/** `CryptoKeyId` of vim25, with or without its `_typeName`. */
export interface CryptoKeyId {
  readonly keyId: string;
  readonly providerId?: { readonly id: string } | undefined;
}

/** `CryptoKeyPlain` of vim25; `keyData` is base64. A host key without data is obtained by the host (own choice). */
export interface CryptoKeyPlain {
  readonly keyId: CryptoKeyId;
  readonly algorithm: string;
  readonly keyData: string;
}

/** `ConfigSpec.migrateEncryption` of vim25. */
export type MigrateEncryption = z.infer<typeof schemas.migrateEncryptionSchema>;
/** What the destination must know of a VM before data comes. */
export type IncomingVm = z.input<typeof schemas.incomingVmSchema>;
/** A new VM. */
export type CreateVmSpec = z.input<typeof schemas.createVmSchema>;
/** A VM to be taken over from a directory. */
export type ImportVmSpec = z.input<typeof schemas.importVmSchema>;
/** A VM around a raw disk image. */
export type CreateVmFromRawSpec = z.input<typeof schemas.createVmFromRawSchema>;
/** Which key encrypts a VM, and which of its disks. */
export type EncryptVmSpec = z.input<typeof schemas.encryptVmSchema>;
/** How a VM gets another key. */
export type RecryptVmSpec = z.input<typeof schemas.recryptVmSchema>;
/** What a clone on the same host is to be. */
export type CloneVmSpec = z.input<typeof schemas.cloneVmSchema>;
/** A native key provider as it is pushed to a host. */
export type NativeProviderSpec = z.infer<typeof schemas.nativeProviderSchema>;
/** An attestation or key provider service as a host is told of it. */
export type TrustedServiceSpec = z.infer<typeof schemas.trustedServiceSchema>;
/** All of a host's trusted infrastructure. */
export type TrustedServicesSpec = z.infer<typeof schemas.trustedServicesSchema>;
/** Key servers that a host may ask itself. */
export type KeyServersSpec = z.infer<typeof schemas.keyServersSchema>;

/** `CryptoKeyResult` of vim25. */
export interface CryptoKeyResult {
  readonly keyId: CryptoKeyId;
  readonly success: boolean;
  readonly reason?: string;
}

/** `CryptoManagerHostKeyStatus` of vim25, with the reason where a key is not present. */
export interface HostKeyStatus {
  readonly keyId: CryptoKeyId;
  readonly present: boolean;
  /** `internal`: pushed by a vCenter; `external`: the host gets it from its provider itself. */
  readonly managementType: HostKeyManagementType;
  readonly accessGranted: boolean;
  readonly reason?: KeyUnavailableReason;
}

/** Crypto mode and the key that the host itself uses. */
export interface CryptoMode {
  readonly state: HostCryptoState;
  readonly hostKey?: CryptoKeyId;
  /** Whether the host key is in the cache; after a reboot it is not until it is given again. */
  readonly hostKeyPresent: boolean;
}

/** `HostTrustAuthorityAttestationInfo` of vim25; times are ISO 8601. */
export interface AttestationInfo {
  readonly status: AttestationStatus;
  readonly serviceId?: string;
  readonly attestedAt?: string;
  readonly attestedUntil?: string;
  readonly messages: readonly string[];
}

/** One step of an appraisal, as the attestation service reports it. */
export interface AppraisalStepReport {
  readonly name: string;
  readonly status: string;
  /** Reason code of `wire/attestation/reasons`. */
  readonly reason?: string;
  readonly expected?: unknown;
  readonly actual?: unknown;
  readonly remedy?: string;
}

/** What one attestation service answered, or why it did not. */
export interface ServiceAppraisal {
  /** The service's address. */
  readonly service: string;
  readonly group: string;
  readonly attested: boolean;
  /** Reason code of the first failure; absent when attested. */
  readonly reason?: string;
  /** Why there was no appraisal, for example that the service could not be reached. */
  readonly error?: string;
  readonly steps: readonly AppraisalStepReport[];
}

/** The last attestation of a host, whole: every service that was asked. */
export interface AttestationReport {
  readonly info: AttestationInfo;
  readonly appraisals: readonly ServiceAppraisal[];
  /** Only if asked for: what the services gave with their last verdicts. */
  readonly documents?: readonly AttestationDocument[];
}

/** A document that an attestation service gave: a host that was refused has a REPORTING_JWT only. */
export interface AttestationDocument {
  /** The service's address. */
  readonly service: string;
  readonly group: string;
  readonly type: DocumentType;
  /** A JWS in compact form. */
  readonly document: string;
}

/** Everything that is told of one attestation; PCRs and events are empty where there was no appraisal. */
export interface AttestationExplanation extends Explanation<AppraisalStepReport> {
  readonly attested: boolean;
  /** Address and group of the service that gave the verdict; absent if none answered. */
  readonly service?: string;
  readonly group?: string;
  /** Reason code of the first failure, what it means and what to do; absent when attested. */
  readonly reason?: string;
  readonly sentence?: string;
  readonly remedy?: string;
  /** Why there was no appraisal although a service answered, or the TPM did not. */
  readonly error?: string;
  /** Services that were asked before and did not answer. */
  readonly unanswered: readonly { readonly service: string; readonly error: string }[];
}

/** What a host's TPM is known by, to be registered with an attestation service. */
export interface TpmEndorsement {
  /** `TPM2B_PUBLIC`, base64. */
  readonly endorsementKeyBase64: string;
  /** PEM; absent if the TPM has none. */
  readonly endorsementKeyPem?: string;
  /** PEM; absent if the TPM holds no certificate. */
  readonly certificatePem?: string;
  /** Authorities above the certificate, root first, PEM; empty if there is no certificate. */
  readonly issuersPem: readonly string[];
}

/** A key provider that a host knows. */
export interface HostProvider {
  readonly provider: string;
  readonly type: 'NATIVE' | 'TRUST_AUTHORITY';
  /** Id of the key derivation key; native providers only. */
  readonly key_id?: string;
}

/** A base image by its names. */
export interface ImageName {
  /** For example `8.0.3-0.0.24022510`. */
  readonly version: string;
  readonly displayName: string;
}

/** Base images of a host: they differ from a patch to the next boot. */
export interface HostImages {
  readonly running: ImageName;
  readonly installed: ImageName;
}

/** Body of `POST /api/kpsim/host?action=patch`. */
export type PatchSpec = z.infer<typeof schemas.patchSchema>;

/** Who a host is and how it stands. */
export interface HostAbout {
  /** The host's UUID. */
  readonly id: string;
  readonly name: string;
  /** For example `8.0.3`. */
  readonly version: string;
  readonly build: string;
  readonly image: HostImages;
  readonly tpm: { readonly present: boolean; readonly version?: string };
  readonly secureBoot: boolean;
  /** Where the vMotion listener is. */
  readonly vmotion: { readonly host: string; readonly port: number };
  readonly encryptedVmotionSupported: boolean;
  readonly cryptoState: HostCryptoState;
  readonly inMaintenance: boolean;
  /** ISO 8601. */
  readonly bootTime: string;
  readonly datastores: readonly { readonly name: string }[];
  readonly attestation: AttestationInfo;
}

/** A disk of a VM. */
export interface VmDiskInfo {
  /** Device key, from 2000 as vSphere numbers disks. */
  readonly key: number;
  readonly label: string;
  readonly capacityBytes: number;
  readonly encrypted: boolean;
  readonly keyId?: CryptoKeyId;
  readonly datastore: string;
  /** File names in the VM's directory: descriptor, then extents. */
  readonly files: readonly string[];
}

/** A VM as its host knows it. */
export interface VmInfo {
  readonly id: string;
  readonly name: string;
  readonly powerState: 'poweredOn' | 'poweredOff' | 'suspended';
  /** `locked`: encrypted, and its key was not available when it was last needed. */
  readonly cryptoState: VirtualMachineCryptoState;
  /** The key that encrypts the VM's home; absent for an unencrypted VM. */
  readonly keyId?: CryptoKeyId;
  readonly memoryMiB: number;
  readonly disks: readonly VmDiskInfo[];
  readonly migrateEncryption: MigrateEncryption;
  /** What the setting was before the VM was encrypted (MODE-4). */
  readonly recordedMigrateEncryption?: MigrateEncryption;
  /** `[datastore] folder/name.vmx` */
  readonly vmxPath: string;
  readonly datastore: string;
  readonly hasVtpm: boolean;
  readonly snapshots: number;
  /** The migration that holds the VM, until it is committed or aborted. */
  readonly migrationId?: string;
}

/** A file of a VM at rest. */
export interface VmFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** Where the source connects to. */
export interface ReceiveReady {
  readonly host: string;
  readonly port: number;
  /** The VM's id at the destination. */
  readonly vmId: string;
}

/** What went over the wire. */
export interface SendResult {
  /** Bytes on the wire. */
  readonly bytes: number;
  readonly encrypted: boolean;
  /** SHA-256 over all frames' headers and plaintext, hex; the destination has verified it. */
  readonly digest: string;
  /** Rounds of changes that were sent while the guest ran, and the one at the switchover. */
  readonly dirtyRounds: number;
  readonly durationMs: number;
}

/**
 * A migration as one host knows it, durably; a role that the host does not have in it is absent.
 * Source: `sending` → `sent` (the destination has all of it) → `committed` (VM given up) or `aborted`.
 * Destination: `prepared` → `received` (verified, durable, out of sight) → `committed` (VM is here) or `aborted`.
 */
export interface MigrationState {
  readonly migrationId: string;
  readonly source?: 'sending' | 'sent' | 'committed' | 'aborted';
  readonly destination?: 'prepared' | 'received' | 'committed' | 'aborted';
}

/** A digest of guest-visible bytes. */
export interface GuestDigest {
  /** Hex. */
  readonly sha256: string;
}
