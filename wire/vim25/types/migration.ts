import type { TypeRow } from '../type-expression.js';

/** Relocation and cloning, also to another vCenter, and the results of their checks. Source: vSphere Web Services API. */
export const MIGRATION_TYPES = {
  VirtualMachineRelocateSpec: {
    extends: 'DynamicData',
    fields: {
      service: 'ServiceLocator?',
      folder: '&Folder?',
      datastore: '&Datastore?',
      diskMoveType: 'string?',
      pool: '&ResourcePool?',
      host: '&HostSystem?',
      disk: 'VirtualMachineRelocateSpecDiskLocator[]?',
      transform: 'VirtualMachineRelocateTransformation?',
      deviceChange: 'VirtualDeviceConfigSpec[]?',
      profile: 'VirtualMachineProfileSpec[]?',
      cryptoSpec: 'CryptoSpec?',
    },
  },
  VirtualMachineRelocateSpecDiskLocator: {
    extends: 'DynamicData',
    fields: {
      diskId: 'int',
      datastore: '&Datastore',
      diskMoveType: 'string?',
      diskBackingInfo: 'VirtualDeviceBackingInfo?',
      profile: 'VirtualMachineProfileSpec[]?',
      backing: 'VirtualMachineRelocateSpecDiskLocatorBackingSpec?',
    },
  },
  VirtualMachineRelocateSpecDiskLocatorBackingSpec: {
    extends: 'DynamicData',
    fields: { parent: 'VirtualMachineRelocateSpecDiskLocatorBackingSpec?', crypto: 'CryptoSpec?' },
  },
  ServiceLocator: {
    extends: 'DynamicData',
    fields: {
      instanceUuid: 'string',
      url: 'string',
      credential: 'ServiceLocatorCredential',
      sslThumbprint: 'string?',
      sslCertificate: 'string?',
    },
  },
  ServiceLocatorCredential: { extends: 'DynamicData', fields: {} },
  ServiceLocatorNamePassword: {
    extends: 'ServiceLocatorCredential',
    fields: { username: 'string', password: 'string secret' },
  },
  ServiceLocatorSAMLCredential: { extends: 'ServiceLocatorCredential', fields: { token: 'string? secret' } },
  VirtualMachineCloneSpec: {
    extends: 'DynamicData',
    fields: {
      location: 'VirtualMachineRelocateSpec',
      template: 'boolean',
      config: 'VirtualMachineConfigSpec?',
      powerOn: 'boolean',
      snapshot: '&VirtualMachineSnapshot?',
      memory: 'boolean?',
      tpmProvisionPolicy: 'string?',
    },
  },
  CheckResult: {
    extends: 'DynamicData',
    fields: {
      vm: '&VirtualMachine?',
      host: '&HostSystem?',
      warning: 'LocalizedMethodFault[]?',
      error: 'LocalizedMethodFault[]?',
    },
  },
} as const satisfies Record<string, TypeRow>;
