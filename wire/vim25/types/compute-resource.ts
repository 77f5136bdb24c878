import type { TypeRow } from '../type-expression.js';

/** Compute resources, clusters with their crypto mode, and resource pools. Source: vSphere Web Services API. */
export const COMPUTE_RESOURCE_TYPES = {
  ComputeResourceSummary: {
    extends: 'DynamicData',
    fields: {
      totalCpu: 'int',
      totalMemory: 'long',
      numCpuCores: 'short',
      numCpuThreads: 'short',
      effectiveCpu: 'int',
      effectiveMemory: 'long',
      numHosts: 'int',
      numEffectiveHosts: 'int',
      overallStatus: 'ManagedEntityStatus',
    },
  },
  ClusterComputeResourceSummary: {
    extends: 'ComputeResourceSummary',
    fields: {
      currentFailoverLevel: 'int',
      numVmotions: 'int',
      targetBalance: 'int?',
      currentBalance: 'int?',
      drsScore: 'int?',
      numVmsPerDrsScoreBucket: 'int[]?',
      currentEVCModeKey: 'string?',
      currentEVCGraphicsModeKey: 'string?',
      clusterMaintenanceModeStatus: 'string?',
      vcsHealthStatus: 'string?',
    },
  },
  ComputeResourceConfigInfo: {
    extends: 'DynamicData',
    fields: {
      vmSwapPlacement: 'string',
      spbmEnabled: 'boolean?',
      defaultHardwareVersionKey: 'string?',
      maximumHardwareVersionKey: 'string?',
    },
  },
  ClusterConfigInfoEx: {
    extends: 'ComputeResourceConfigInfo',
    fields: {
      dasConfig: 'ClusterDasConfigInfo',
      drsConfig: 'ClusterDrsConfigInfo',
      cryptoConfig: 'ClusterCryptoConfigInfo?',
    },
  },
  ComputeResourceConfigSpec: {
    extends: 'DynamicData',
    fields: {
      vmSwapPlacement: 'string?',
      spbmEnabled: 'boolean?',
      defaultHardwareVersionKey: 'string?',
      maximumHardwareVersionKey: 'string?',
      enableConfigManager: 'boolean?',
      softwareSpecId: 'string?',
      networkBootMode: 'string?',
    },
  },
  ClusterConfigSpecEx: {
    extends: 'ComputeResourceConfigSpec',
    fields: {
      dasConfig: 'ClusterDasConfigInfo?',
      drsConfig: 'ClusterDrsConfigInfo?',
      inHciWorkflow: 'boolean?',
      cryptoConfig: 'ClusterCryptoConfigInfo?',
    },
  },
  ClusterConfigSpec: {
    extends: 'DynamicData',
    fields: { dasConfig: 'ClusterDasConfigInfo?', drsConfig: 'ClusterDrsConfigInfo?' },
  },
  ClusterConfigInfo: {
    extends: 'DynamicData',
    fields: { dasConfig: 'ClusterDasConfigInfo', drsConfig: 'ClusterDrsConfigInfo' },
  },
  ClusterCryptoConfigInfo: {
    extends: 'DynamicData',
    fields: { cryptoMode: 'string?', policy: 'ClusterComputeResourceCryptoModePolicy?' },
  },
  ClusterComputeResourceCryptoModePolicy: {
    extends: 'DynamicData',
    fields: { keyId: 'CryptoKeyId?', providerId: 'KeyProviderId?' },
  },
  ClusterDasConfigInfo: {
    extends: 'DynamicData',
    fields: {
      enabled: 'boolean?',
      vmMonitoring: 'string?',
      hostMonitoring: 'string?',
      vmComponentProtecting: 'string?',
      failoverLevel: 'int?',
      admissionControlEnabled: 'boolean?',
      option: 'OptionValue[]?',
      heartbeatDatastore: '&Datastore[]?',
      hBDatastoreCandidatePolicy: 'string?',
    },
  },
  ClusterDrsConfigInfo: {
    extends: 'DynamicData',
    fields: {
      enabled: 'boolean?',
      enableVmBehaviorOverrides: 'boolean?',
      defaultVmBehavior: 'DrsBehavior?',
      vmotionRate: 'int?',
      scaleDescendantsShares: 'string?',
      option: 'OptionValue[]?',
    },
  },
  ResourceConfigSpec: {
    extends: 'DynamicData',
    fields: {
      entity: '&ManagedEntity?',
      changeVersion: 'string?',
      lastModified: 'dateTime?',
      cpuAllocation: 'ResourceAllocationInfo',
      memoryAllocation: 'ResourceAllocationInfo',
      scaleDescendantsShares: 'string?',
    },
  },
  ResourcePoolSummary: {
    extends: 'DynamicData',
    fields: {
      name: 'string',
      config: 'ResourceConfigSpec',
      runtime: 'ResourcePoolRuntimeInfo',
      quickStats: 'ResourcePoolQuickStats?',
      configuredMemoryMB: 'int?',
    },
  },
  ResourcePoolRuntimeInfo: {
    extends: 'DynamicData',
    fields: {
      memory: 'ResourcePoolResourceUsage',
      cpu: 'ResourcePoolResourceUsage',
      overallStatus: 'ManagedEntityStatus',
      sharesScalable: 'string?',
    },
  },
  ResourcePoolResourceUsage: {
    extends: 'DynamicData',
    fields: {
      reservationUsed: 'long',
      reservationUsedForVm: 'long',
      unreservedForPool: 'long',
      unreservedForVm: 'long',
      overallUsage: 'long',
      maxUsage: 'long',
    },
  },
  ResourcePoolQuickStats: {
    extends: 'DynamicData',
    fields: {
      overallCpuUsage: 'long?',
      overallCpuDemand: 'long?',
      guestMemoryUsage: 'long?',
      hostMemoryUsage: 'long?',
      distributedCpuEntitlement: 'long?',
      distributedMemoryEntitlement: 'long?',
      staticCpuEntitlement: 'int?',
      staticMemoryEntitlement: 'int?',
      privateMemory: 'long?',
      sharedMemory: 'long?',
      swappedMemory: 'long?',
      balloonedMemory: 'long?',
      overheadMemory: 'long?',
      consumedOverheadMemory: 'long?',
      compressedMemory: 'long?',
    },
  },
} as const satisfies Record<string, TypeRow>;
