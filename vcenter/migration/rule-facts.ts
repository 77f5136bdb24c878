import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { ProductVersion } from '../product-version.js';

/** The kinds of key providers: SKP (KMIP key servers), NKP and TKP (vSphere Trust Authority). */
export type ProviderKind = 'standard' | 'native' | 'trusted';

/** States of encrypted vMotion, `VirtualMachineConfigSpecEncryptedVMotionModes`. */
export type MigrateEncryption = 'disabled' | 'opportunistic' | 'required';

/** What a `CryptoSpec` of a request asks for. */
export type CryptoChange = 'encrypt' | 'decrypt' | 'shallowRecrypt' | 'deepRecrypt';

/** `HostCryptoState` of vim25. */
export type HostCryptoState = 'incapable' | 'prepared' | 'safe' | 'pendingIncapable';

/** One address of a service that hosts or vCenters depend on. */
export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
  /** SHA-256 thumbprint of the server certificate that is trusted, where known. */
  readonly thumbprintSha256?: string | undefined;
}

/** What one vCenter has configured under one key provider's name. */
export type ProviderFacts =
  | {
      readonly kind: 'standard';
      readonly name: string;
      readonly servers: readonly ServiceAddress[];
    }
  | {
      readonly kind: 'native';
      readonly name: string;
      /** Fingerprint of the KDK: equal if and only if the KDKs are. */
      readonly kdkFingerprint: string;
      readonly hasBackup: boolean;
      readonly tpmRequired: boolean;
    }
  | { readonly kind: 'trusted'; readonly name: string };

/** The vTA services that a host has been given. */
export interface TrustedServicesFacts {
  readonly attestation: readonly ServiceAddress[];
  readonly keyProviderServices: readonly ServiceAddress[];
  /** Names of the trusted key providers that it can reach through them. */
  readonly providers: readonly string[];
}

/** A host as the rules see it. */
export interface HostFacts {
  readonly reference: ManagedObjectReference;
  readonly name: string;
  readonly version: ProductVersion;
  readonly supportsEncryptedVmotion: boolean;
  readonly inCluster: boolean;
  readonly cryptoState: HostCryptoState;
  readonly tpmPresent: boolean;
  /** Native key providers whose KDK the host holds. */
  readonly nativeProviders: readonly string[];
  /** Absent on a host that is not part of a trusted cluster. */
  readonly trustedServices?: TrustedServicesFacts | undefined;
  /** Whether an attestation service has vouched for it, and the token has not expired. */
  readonly attested: boolean;
  /** What its last attestation came to: of each failure the reason, the step and the remedy. */
  readonly attestationMessages: readonly string[];
}

/** Cryptographer privileges that the acting user holds on one object. */
export interface PrivilegesOn {
  readonly object: ManagedObjectReference;
  readonly privileges: readonly string[];
}

/** One side of a migration: its vCenter, its host, its providers. */
export interface SideFacts {
  readonly vcenter: { readonly name: string; readonly version: ProductVersion };
  readonly host: HostFacts;
  readonly providers: readonly ProviderFacts[];
}

/** A disk of the VM that is to move. */
export interface DiskFacts {
  readonly key: number;
  readonly encrypted: boolean;
  /** Whether its data has to be copied at all: its host or its datastore changes. */
  readonly moves: boolean;
  readonly storagePolicy?: string | undefined;
}

/** The VM that is to move. */
export interface VmFacts {
  readonly reference: ManagedObjectReference;
  readonly name: string;
  readonly poweredOn: boolean;
  readonly encrypted: boolean;
  /** Key providers of its home's and disks' keys, each once. */
  readonly keyProviders: readonly { readonly name: string; readonly kind: ProviderKind }[];
  readonly migrateEncryption: MigrateEncryption;
  readonly disks: readonly DiskFacts[];
  readonly storagePolicy?: string | undefined;
}

/** What the caller asks for besides a new place. */
export interface RequestFacts {
  /** The face it came by: the vSphere API (VI/JSON, SOAP) or any other, such as the Automation REST API. */
  readonly channel: 'vsphereApi' | 'other';
  readonly crypto?: CryptoChange | undefined;
  readonly diskCrypto: readonly { readonly key: number; readonly change: CryptoChange }[];
  readonly storagePolicy?: string | undefined;
  readonly diskStoragePolicies: readonly { readonly key: number; readonly storagePolicy: string }[];
  /** An explicit wish for this one migration; the VM's own setting holds without. */
  readonly migrateEncryption?: MigrateEncryption | undefined;
}

/** All that the rules need to know of one migration or clone, gathered from both sides. */
export interface MigrationFacts {
  readonly operation: 'migrate' | 'clone';
  readonly acrossVcenters: boolean;
  readonly hostChanges: boolean;
  readonly vm: VmFacts;
  readonly request: RequestFacts;
  readonly source: SideFacts;
  readonly destination: SideFacts;
  readonly privileges: {
    /** On the VM, at the source vCenter. */
    readonly vm: PrivilegesOn;
    /** On the folder that the VM goes to, at the destination vCenter. */
    readonly destinationFolder: PrivilegesOn;
    /** On the host that it goes to, at the destination vCenter. */
    readonly destinationHost: PrivilegesOn;
  };
}

/** How one disk's data crosses. */
export interface DiskTransit {
  readonly key: number;
  readonly transit: 'stays' | 'encrypted' | 'plain';
}

/** What a migration will do; drafted by the rules that decide, then proved by their checks. */
export interface TransferPlan {
  /** Whether the stream between the hosts is encrypted under the one-time key. */
  encryptedVmotion: boolean;
  disks: readonly DiskTransit[];
  /** Whether the destination vCenter has to make the destination host cryptographically safe first. */
  makeHostSafe: boolean;
  /** Storage policies that a clone gets. */
  storagePolicy?: string | undefined;
  diskStoragePolicies: readonly { readonly key: number; readonly storagePolicy: string }[];
  /** The key of the stream: its sizes, who makes it, and how long it lives. Absent for a plain stream. */
  oneTimeKey?:
    | {
        readonly keyBytes: number;
        readonly nonceBytes: number;
        readonly madeBy: 'sourceVcenter' | 'destinationVcenter';
        readonly lifetime: 'thisMigration' | 'kept';
      }
    | undefined;
}

/** A VM's change between encrypted and not, or of its encrypted vMotion state. */
export interface ReconfigureFacts {
  readonly vm: string;
  readonly encryptedBefore: boolean;
  readonly crypto?: CryptoChange | undefined;
  readonly modeBefore: MigrateEncryption;
  readonly recordedBefore?: MigrateEncryption | undefined;
  readonly requestedMode?: MigrateEncryption | undefined;
}

/** The encrypted vMotion setting that a VM has after a reconfiguration. */
export interface ReconfigurePlan {
  mode: MigrateEncryption;
  recorded?: MigrateEncryption | undefined;
}

/** A new key of a provider is about to be used on a host. */
export interface EncryptFacts {
  readonly provider: ProviderFacts;
  readonly vcenterVersion: ProductVersion;
  readonly host: HostFacts;
}

/** A VM is about to be powered on, or found running. */
export interface PowerOnFacts {
  readonly vm: string;
  readonly alreadyRunning: boolean;
  readonly keyProviders: readonly { readonly name: string; readonly kind: ProviderKind }[];
  readonly host: HostFacts;
}

/** A change of a vCenter's key providers. */
export interface ProviderChangeFacts {
  readonly change: 'add' | 'setClusterDefault';
  readonly provider: string;
  readonly kind: ProviderKind;
  readonly vcenterVersion: ProductVersion;
  /** Providers there are, of all kinds, without the one to be added. */
  readonly count: number;
}

/** A key is to be removed from a vCenter. */
export interface KeyRemovalFacts {
  readonly keyId: string;
  readonly provider: string;
}

/** Where a removed key is removed from. */
export interface KeyRemovalPlan {
  /** KMIP operations sent to the key server for it. */
  keyServerOperations: readonly string[];
}
