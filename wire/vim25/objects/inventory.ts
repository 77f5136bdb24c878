import type { ObjectRow } from '../type-expression.js';

/** The inventory: folders, clusters, hosts, virtual machines, datastores, pools. Source: vSphere Web Services API. */
export const INVENTORY_OBJECTS = {
  ExtensibleManagedObject: {
    extends: 'ManagedObject',
    properties: { value: 'CustomFieldValue[]?', availableField: 'CustomFieldDef[]?' },
    methods: {
      setCustomValue: { params: { key: 'string', value: 'string' }, result: 'void', privilege: null },
    },
  },
  ManagedEntity: {
    extends: 'ExtensibleManagedObject',
    properties: {
      parent: '&ManagedEntity?',
      customValue: 'CustomFieldValue[]?',
      overallStatus: 'ManagedEntityStatus',
      configStatus: 'ManagedEntityStatus',
      configIssue: 'Event[]?',
      effectiveRole: 'int[]?',
      permission: 'Permission[]?',
      name: 'string',
      disabledMethod: 'string[]?',
      recentTask: '&Task[]?',
      alarmActionsEnabled: 'boolean?',
      tag: 'Tag[]?',
    },
    methods: {
      Reload: { params: {}, result: 'void', privilege: 'System.Read' },
      Rename_Task: { params: { newName: 'string' }, result: '&Task', privilege: null },
      Destroy_Task: { params: {}, result: '&Task', privilege: null },
    },
  },
  Folder: {
    extends: 'ManagedEntity',
    properties: { childType: 'string[]?', childEntity: '&ManagedEntity[]?', namespace: 'string?' },
    methods: {
      CreateFolder: { params: { name: 'string' }, result: '&Folder', privilege: 'Folder.Create' },
      MoveIntoFolder_Task: { params: { list: '&ManagedEntity[]' }, result: '&Task', privilege: null },
      CreateVM_Task: {
        params: { config: 'VirtualMachineConfigSpec', pool: '&ResourcePool', host: '&HostSystem?' },
        result: '&Task',
        privilege: 'VirtualMachine.Inventory.Create',
      },
      RegisterVM_Task: {
        params: {
          path: 'string',
          name: 'string?',
          asTemplate: 'boolean',
          pool: '&ResourcePool?',
          host: '&HostSystem?',
        },
        result: '&Task',
        privilege: 'VirtualMachine.Inventory.Register',
      },
      CreateCluster: {
        params: { name: 'string', spec: 'ClusterConfigSpec' },
        result: '&ClusterComputeResource',
        privilege: 'Host.Inventory.CreateCluster',
      },
      CreateClusterEx: {
        params: { name: 'string', spec: 'ClusterConfigSpecEx' },
        result: '&ClusterComputeResource',
        privilege: 'Host.Inventory.CreateCluster',
      },
      AddStandaloneHost_Task: {
        params: {
          spec: 'HostConnectSpec',
          compResSpec: 'ComputeResourceConfigSpec?',
          addConnected: 'boolean',
          license: 'string?',
        },
        result: '&Task',
        privilege: 'Host.Inventory.AddStandaloneHost',
      },
      CreateDatacenter: { params: { name: 'string' }, result: '&Datacenter', privilege: 'Datacenter.Create' },
    },
  },
  Datacenter: {
    extends: 'ManagedEntity',
    properties: {
      vmFolder: '&Folder',
      hostFolder: '&Folder',
      datastoreFolder: '&Folder',
      networkFolder: '&Folder',
      datastore: '&Datastore[]?',
      network: '&Network[]?',
      configuration: 'DatacenterConfigInfo',
    },
    methods: {
      PowerOnMultiVM_Task: {
        params: { vm: '&VirtualMachine[]', option: 'OptionValue[]?' },
        result: '&Task',
        privilege: 'System.View',
      },
    },
  },
  ComputeResource: {
    extends: 'ManagedEntity',
    properties: {
      resourcePool: '&ResourcePool?',
      host: '&HostSystem[]?',
      datastore: '&Datastore[]?',
      network: '&Network[]?',
      summary: 'ComputeResourceSummary',
      environmentBrowser: '&EnvironmentBrowser?',
      configurationEx: 'ComputeResourceConfigInfo',
      lifecycleManaged: 'boolean?',
      configManagerEnabled: 'boolean?',
      networkBootMode: 'string?',
    },
    methods: {
      ReconfigureComputeResource_Task: {
        params: { spec: 'ComputeResourceConfigSpec', modify: 'boolean' },
        result: '&Task',
        privilege: 'Host.Inventory.EditCluster',
      },
    },
  },
  ClusterComputeResource: {
    extends: 'ComputeResource',
    properties: { configuration: 'ClusterConfigInfo', summaryEx: 'ClusterComputeResourceSummary' },
    methods: {
      ReconfigureCluster_Task: {
        params: { spec: 'ClusterConfigSpec', modify: 'boolean' },
        result: '&Task',
        privilege: 'Host.Inventory.EditCluster',
      },
      AddHost_Task: {
        params: {
          spec: 'HostConnectSpec',
          asConnected: 'boolean',
          resourcePool: '&ResourcePool?',
          license: 'string?',
        },
        result: '&Task',
        privilege: 'Host.Inventory.AddHostToCluster',
      },
      MoveInto_Task: {
        params: { host: '&HostSystem[]' },
        result: '&Task',
        privilege: 'Host.Inventory.EditCluster',
      },
      MoveHostInto_Task: {
        params: { host: '&HostSystem', resourcePool: '&ResourcePool?' },
        result: '&Task',
        privilege: 'Host.Inventory.EditCluster',
      },
      SetCryptoMode: {
        params: { cryptoMode: 'string', policy: 'ClusterComputeResourceCryptoModePolicy?' },
        result: 'void',
        privilege: 'Cryptographer.RegisterHost',
      },
    },
  },
  HostSystem: {
    extends: 'ManagedEntity',
    properties: {
      runtime: 'HostRuntimeInfo',
      summary: 'HostListSummary',
      capability: 'HostCapability?',
      configManager: 'HostConfigManager',
      vm: '&VirtualMachine[]?',
      datastore: '&Datastore[]?',
      network: '&Network[]?',
      datastoreBrowser: '&HostDatastoreBrowser',
    },
    methods: {
      QueryTpmAttestationReport: {
        params: {},
        result: 'HostTpmAttestationReport?',
        privilege: 'System.Read',
      },
      QueryHostConnectionInfo: { params: {}, result: 'HostConnectInfo', privilege: 'System.Read' },
      ReconnectHost_Task: {
        params: { cnxSpec: 'HostConnectSpec?', reconnectSpec: 'HostSystemReconnectSpec?' },
        result: '&Task',
        privilege: 'Host.Config.Connection',
      },
      DisconnectHost_Task: { params: {}, result: '&Task', privilege: 'Host.Config.Connection' },
      RebootHost_Task: {
        params: { force: 'boolean' },
        result: '&Task',
        privilege: 'Host.Config.Maintenance',
      },
      RetrieveHardwareUptime: { params: {}, result: 'long', privilege: 'System.Read' },
      PrepareCrypto: { params: {}, result: 'void', privilege: 'Cryptographer.RegisterHost' },
      EnableCrypto: {
        params: { keyPlain: 'CryptoKeyPlain' },
        result: 'void',
        privilege: 'Cryptographer.RegisterHost',
      },
      ConfigureCryptoKey: {
        params: { keyId: 'CryptoKeyId?' },
        result: 'void',
        privilege: 'Cryptographer.RegisterHost',
      },
    },
  },
  VirtualMachine: {
    extends: 'ManagedEntity',
    properties: {
      capability: 'VirtualMachineCapability',
      config: 'VirtualMachineConfigInfo?',
      layoutEx: 'VirtualMachineFileLayoutEx?',
      storage: 'VirtualMachineStorageInfo?',
      environmentBrowser: '&EnvironmentBrowser',
      resourcePool: '&ResourcePool?',
      parentVApp: '&ManagedEntity?',
      resourceConfig: 'ResourceConfigSpec?',
      runtime: 'VirtualMachineRuntimeInfo',
      guest: 'GuestInfo?',
      summary: 'VirtualMachineSummary',
      datastore: '&Datastore[]?',
      network: '&Network[]?',
      snapshot: 'VirtualMachineSnapshotInfo?',
      rootSnapshot: '&VirtualMachineSnapshot[]?',
      guestHeartbeatStatus: 'ManagedEntityStatus',
    },
    methods: {
      CreateSnapshot_Task: {
        params: { name: 'string', description: 'string?', memory: 'boolean', quiesce: 'boolean' },
        result: '&Task',
        privilege: 'VirtualMachine.State.CreateSnapshot',
      },
      RemoveAllSnapshots_Task: {
        params: { consolidate: 'boolean?' },
        result: '&Task',
        privilege: 'VirtualMachine.State.RemoveSnapshot',
      },
      ReconfigVM_Task: { params: { spec: 'VirtualMachineConfigSpec' }, result: '&Task', privilege: null },
      PowerOnVM_Task: {
        params: { host: '&HostSystem?' },
        result: '&Task',
        privilege: 'VirtualMachine.Interact.PowerOn',
      },
      PowerOffVM_Task: { params: {}, result: '&Task', privilege: 'VirtualMachine.Interact.PowerOff' },
      SuspendVM_Task: { params: {}, result: '&Task', privilege: 'VirtualMachine.Interact.Suspend' },
      ResetVM_Task: { params: {}, result: '&Task', privilege: 'VirtualMachine.Interact.Reset' },
      ShutdownGuest: { params: {}, result: 'void', privilege: 'VirtualMachine.Interact.PowerOff' },
      MigrateVM_Task: {
        params: {
          pool: '&ResourcePool?',
          host: '&HostSystem?',
          priority: 'VirtualMachineMovePriority',
          state: 'VirtualMachinePowerState?',
        },
        result: '&Task',
        privilege: null,
      },
      RelocateVM_Task: {
        params: { spec: 'VirtualMachineRelocateSpec', priority: 'VirtualMachineMovePriority?' },
        result: '&Task',
        privilege: 'Resource.ColdMigrate',
      },
      CloneVM_Task: {
        params: { folder: '&Folder', name: 'string', spec: 'VirtualMachineCloneSpec' },
        result: '&Task',
        privilege: null,
      },
      MarkAsTemplate: { params: {}, result: 'void', privilege: 'VirtualMachine.Provisioning.MarkAsTemplate' },
      UnregisterVM: { params: {}, result: 'void', privilege: 'VirtualMachine.Inventory.Unregister' },
      CryptoUnlock_Task: { params: {}, result: '&Task', privilege: 'Cryptographer.RegisterVM' },
    },
  },
  VirtualMachineSnapshot: {
    extends: 'ExtensibleManagedObject',
    properties: {
      config: 'VirtualMachineConfigInfo',
      childSnapshot: '&VirtualMachineSnapshot[]?',
      vm: '&VirtualMachine',
    },
    methods: {
      RevertToSnapshot_Task: {
        params: { host: '&HostSystem?', suppressPowerOn: 'boolean?' },
        result: '&Task',
        privilege: 'VirtualMachine.State.RevertToSnapshot',
      },
      RemoveSnapshot_Task: {
        params: { removeChildren: 'boolean', consolidate: 'boolean?' },
        result: '&Task',
        privilege: 'VirtualMachine.State.RemoveSnapshot',
      },
    },
  },
  VirtualMachineProvisioningChecker: {
    extends: 'ManagedObject',
    properties: {},
    methods: {
      QueryVMotionCompatibilityEx_Task: {
        params: { vm: '&VirtualMachine[]', host: '&HostSystem[]' },
        result: '&Task',
        privilege: 'System.View',
      },
      CheckMigrate_Task: {
        params: {
          vm: '&VirtualMachine',
          host: '&HostSystem?',
          pool: '&ResourcePool?',
          state: 'VirtualMachinePowerState?',
          testType: 'string[]?',
        },
        result: '&Task',
        privilege: 'System.View',
      },
      CheckRelocate_Task: {
        params: { vm: '&VirtualMachine', spec: 'VirtualMachineRelocateSpec', testType: 'string[]?' },
        result: '&Task',
        privilege: 'System.View',
      },
      CheckClone_Task: {
        params: {
          vm: '&VirtualMachine',
          folder: '&Folder',
          name: 'string',
          spec: 'VirtualMachineCloneSpec',
          testType: 'string[]?',
        },
        result: '&Task',
        privilege: 'System.View',
      },
    },
  },
  VirtualMachineCompatibilityChecker: {
    extends: 'ManagedObject',
    properties: {},
    methods: {
      CheckVmConfig_Task: {
        params: {
          spec: 'VirtualMachineConfigSpec',
          vm: '&VirtualMachine?',
          host: '&HostSystem?',
          pool: '&ResourcePool?',
          testType: 'string[]?',
        },
        result: '&Task?',
        privilege: 'System.View',
      },
    },
  },
  Datastore: {
    extends: 'ManagedEntity',
    properties: {
      info: 'DatastoreInfo',
      summary: 'DatastoreSummary',
      host: 'DatastoreHostMount[]?',
      vm: '&VirtualMachine[]?',
      browser: '&HostDatastoreBrowser',
      capability: 'DatastoreCapability',
    },
    methods: {
      RefreshDatastore: { params: {}, result: 'void', privilege: 'System.Read' },
    },
  },
  Network: {
    extends: 'ManagedEntity',
    properties: { summary: 'NetworkSummary', host: '&HostSystem[]?', vm: '&VirtualMachine[]?' },
    methods: {},
  },
  ResourcePool: {
    extends: 'ManagedEntity',
    properties: {
      summary: 'ResourcePoolSummary',
      runtime: 'ResourcePoolRuntimeInfo',
      owner: '&ComputeResource',
      resourcePool: '&ResourcePool[]?',
      vm: '&VirtualMachine[]?',
      config: 'ResourceConfigSpec',
      namespace: 'string?',
      childConfiguration: 'ResourceConfigSpec[]?',
    },
    methods: {
      CreateChildVM_Task: {
        params: { config: 'VirtualMachineConfigSpec', host: '&HostSystem?' },
        result: '&Task',
        privilege: 'VirtualMachine.Inventory.Create',
      },
      RegisterChildVM_Task: {
        params: { path: 'string', name: 'string?', host: '&HostSystem?' },
        result: '&Task',
        privilege: 'VirtualMachine.Inventory.Register',
      },
    },
  },
  EnvironmentBrowser: {
    extends: 'ManagedObject',
    properties: { datastoreBrowser: '&HostDatastoreBrowser?' },
    methods: {},
  },
  HostDatastoreBrowser: { extends: 'ManagedObject', properties: { datastore: '&Datastore[]?' }, methods: {} },
} as const satisfies Record<string, ObjectRow>;
