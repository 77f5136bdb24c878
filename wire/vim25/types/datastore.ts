import type { TypeRow } from '../type-expression.js';

/** Datastores, networks and datacenters. Source: vSphere Web Services API. */
export const DATASTORE_TYPES = {
  DatastoreSummary: {
    extends: 'DynamicData',
    fields: {
      datastore: '&Datastore?',
      name: 'string',
      url: 'string',
      capacity: 'long',
      freeSpace: 'long',
      uncommitted: 'long?',
      accessible: 'boolean',
      multipleHostAccess: 'boolean?',
      type: 'string',
      maintenanceMode: 'string?',
    },
  },
  DatastoreInfo: {
    extends: 'DynamicData',
    fields: {
      name: 'string',
      url: 'string',
      freeSpace: 'long',
      maxFileSize: 'long',
      maxVirtualDiskCapacity: 'long?',
      maxMemoryFileSize: 'long',
      timestamp: 'dateTime?',
      containerId: 'string?',
      aliasOf: 'string?',
      supportedVDiskFormats: 'string[]?',
      logicalSectorSize: 'int?',
      physicalSectorSize: 'int?',
    },
  },
  VmfsDatastoreInfo: {
    extends: 'DatastoreInfo',
    fields: { maxPhysicalRDMFileSize: 'long', maxVirtualRDMFileSize: 'long' },
  },
  LocalDatastoreInfo: { extends: 'DatastoreInfo', fields: { path: 'string?' } },
  DatastoreCapability: {
    extends: 'DynamicData',
    fields: {
      directoryHierarchySupported: 'boolean',
      rawDiskMappingsSupported: 'boolean',
      perFileThinProvisioningSupported: 'boolean',
      storageIORMSupported: 'boolean',
      nativeSnapshotSupported: 'boolean',
      topLevelDirectoryCreateSupported: 'boolean?',
      seSparseSupported: 'boolean?',
      vmfsSparseSupported: 'boolean?',
      vsanSparseSupported: 'boolean?',
      upitSupported: 'boolean?',
      vmdkExpandSupported: 'boolean?',
      clusteredVmdkSupported: 'boolean?',
    },
  },
  DatastoreHostMount: { extends: 'DynamicData', fields: { key: '&HostSystem', mountInfo: 'HostMountInfo' } },
  HostMountInfo: {
    extends: 'DynamicData',
    fields: {
      path: 'string?',
      accessMode: 'string',
      mounted: 'boolean?',
      accessible: 'boolean?',
      inaccessibleReason: 'string?',
      vmknicName: 'string?',
      vmknicActive: 'boolean?',
      mountFailedReason: 'string?',
      numTcpConnections: 'int?',
    },
  },
  NetworkSummary: {
    extends: 'DynamicData',
    fields: {
      network: '&Network?',
      name: 'string',
      accessible: 'boolean',
      ipPoolName: 'string',
      ipPoolId: 'int?',
    },
  },
  DatacenterConfigInfo: {
    extends: 'DynamicData',
    fields: { defaultHardwareVersionKey: 'string?', maximumHardwareVersionKey: 'string?' },
  },
} as const satisfies Record<string, TypeRow>;
