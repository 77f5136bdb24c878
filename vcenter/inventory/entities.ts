import type { VmInfo } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';

interface EntityBase {
  /** Id of the managed object, for example `vm-1001`. */
  readonly moid: string;
  readonly name: string;
  /** Moid of the entity above; absent for the root folder alone. */
  readonly parent?: string | undefined;
}

/** A folder; `childType` says what may be in it. */
export interface FolderEntity extends EntityBase {
  readonly type: 'Folder';
  readonly childType: readonly string[];
}

/** A datacenter with its four folders, by moid. */
export interface DatacenterEntity extends EntityBase {
  readonly type: 'Datacenter';
  readonly vmFolder: string;
  readonly hostFolder: string;
  readonly datastoreFolder: string;
  readonly networkFolder: string;
}

/** The Trust Authority services of a trusted cluster; addresses are `https://host:port`, authorities PEM. */
export interface TrustedClusterConfiguration {
  readonly attestation: readonly TrustedService[];
  readonly kms: readonly TrustedService[];
}

/** One service of a Trust Authority cluster. */
export interface TrustedService {
  /** Id under which it is registered in this vCenter. */
  readonly service: string;
  readonly address: string;
  readonly trusted_CA: string;
  readonly group: string;
}

/** The services that one host of a Trust Authority cluster runs; addresses are `https://host:port`, the authority PEM. */
export interface TrustAuthorityMember {
  readonly name: string;
  readonly attestation: string;
  readonly kms: string;
  readonly trusted_CA: string;
  readonly group: string;
}

/** What makes a cluster a Trust Authority cluster, once its state is `ENABLE`. */
export interface TrustAuthorityConfiguration {
  readonly state: 'ENABLE' | 'DISABLE';
  readonly members: readonly TrustAuthorityMember[];
  /**
   * Names of the members that have all that was set at the level of the cluster; those of the others are behind. Missing
   * until the cluster is enabled for the first time.
   */
  readonly current?: readonly string[] | undefined;
  /**
   * While a change is on its way to the members; where it stays, the vCenter ended before all of them had it, or none
   * said whether it made it.
   */
  readonly changing?: true | undefined;
}

/** A cluster of hosts. */
export interface ClusterEntity extends EntityBase {
  readonly type: 'ClusterComputeResource';
  readonly resourcePool: string;
  readonly cryptoMode: 'onDemand' | 'forceEnable';
  /** Key provider of new keys in this cluster; the vCenter's default without. */
  readonly defaultProvider?: string | undefined;
  /** Present on a trusted cluster. */
  readonly trusted?: TrustedClusterConfiguration | undefined;
  /** Present once services of a Trust Authority were named for it. */
  readonly trustAuthority?: TrustAuthorityConfiguration | undefined;
}

/** What a standalone host stands in. */
export interface ComputeResourceEntity extends EntityBase {
  readonly type: 'ComputeResource';
  readonly resourcePool: string;
}

/** The root resource pool of a cluster or standalone host. */
export interface ResourcePoolEntity extends EntityBase {
  readonly type: 'ResourcePool';
}

/** A host that this vCenter manages. */
export interface HostEntity extends EntityBase {
  readonly type: 'HostSystem';
  readonly uuid: string;
  /** `https://host:port` of its agent. */
  readonly address: string;
  /** Disconnected on purpose. */
  readonly disconnected?: boolean | undefined;
}

/** A datastore of one host (own choice: hosts share none). */
export interface DatastoreEntity extends EntityBase {
  readonly type: 'Datastore';
  /** Moid. */
  readonly host: string;
}

/** A VM as its host last told, and what the vCenter alone knows of it. */
export interface VirtualMachineEntity extends EntityBase {
  readonly type: 'VirtualMachine';
  readonly uuid: string;
  /** Moid of the host that it is on. */
  readonly host: string;
  readonly info: VmInfo;
  readonly storagePolicy?: string | undefined;
  readonly diskStoragePolicies?: readonly DiskStoragePolicy[] | undefined;
}

/** The storage policy of one disk. */
export interface DiskStoragePolicy {
  readonly key: number;
  readonly storagePolicy: string;
}

/** Anything of the inventory. */
export type Entity =
  | FolderEntity
  | DatacenterEntity
  | ClusterEntity
  | ComputeResourceEntity
  | ResourcePoolEntity
  | HostEntity
  | DatastoreEntity
  | VirtualMachineEntity;

/** Managed object type of an entity. */
export type EntityType = Entity['type'];
/** The entity of a type. */
export type EntityOf<T extends EntityType> = Extract<Entity, { readonly type: T }>;

/** Prefix of the moids of a type; folders have one for each kind. */
export const MOID_PREFIXES = {
  Datacenter: 'datacenter-',
  ClusterComputeResource: 'domain-c',
  ComputeResource: 'domain-s',
  ResourcePool: 'resgroup-',
  HostSystem: 'host-',
  Datastore: 'datastore-',
  VirtualMachine: 'vm-',
} as const satisfies Record<Exclude<EntityType, 'Folder'>, string>;

/** A reference to a managed object. */
export function referenceTo(type: string, moid: string): ManagedObjectReference {
  return { _typeName: 'ManagedObjectReference', type, value: moid };
}

/** A reference to an entity. */
export function referenceOf({ type, moid }: Pick<Entity, 'type' | 'moid'>): ManagedObjectReference {
  return referenceTo(type, moid);
}
