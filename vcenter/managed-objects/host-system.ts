import type { ManagedObjectReference, MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { VIM_TYPES, VimFault } from '../../wire/vim25/index.js';
import type { HostEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { HostState } from '../hosts/hosts.js';
import { compareVersions, isAtLeast } from '../product-version.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';
import { principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** HostSystem: connection, reboot, crypto mode. */
export const HOST_SYSTEM_METHODS: MethodHandlers<Caller, 'HostSystem'> = {
  ReconnectHost_Task(caller, self) {
    const { vcenter } = caller;
    const host = hostOf(caller, self);
    return start(caller, host, 'HostSystem.reconnect', async () => {
      await vcenter.topology.reconnect(host);
    });
  },
  DisconnectHost_Task(caller, self) {
    const host = hostOf(caller, self);
    return start(caller, host, 'HostSystem.disconnect', () => caller.vcenter.topology.disconnect(host));
  },
  RebootHost_Task(caller, self, { force }) {
    const { vcenter } = caller;
    const host = hostOf(caller, self);
    const running = vcenter.inventory.vmsOn(host.moid).filter(({ info }) => info.powerState === 'poweredOn');
    if (!force && running.length > 0) {
      throw new VimFault(
        'InvalidState',
        `${running.length} VMs run on ${host.name}; power them off, or force it.`,
      );
    }
    return start(caller, host, 'HostSystem.reboot', async () => {
      await vcenter.hosts.client(host).reboot();
      await vcenter.hosts.refresh(host);
      await vcenter.hosts.whenSettled(host.moid);
    });
  },
  RetrieveHardwareUptime(caller, self) {
    const { about } = caller.vcenter.hosts.requireConnected(hostOf(caller, self));
    const booted = Date.parse(about.bootTime);
    return Math.max(0, Math.floor((caller.vcenter.context.clock.now() - booted) / 1000));
  },
  QueryHostConnectionInfo(caller, self) {
    const host = hostOf(caller, self);
    return { _typeName: 'HostConnectInfo', host: summary(caller.vcenter, host), clusterSupported: true };
  },
  async PrepareCrypto(caller, self) {
    const host = hostOf(caller, self);
    await caller.vcenter.hosts.client(host).prepareCrypto();
    await caller.vcenter.hosts.refresh(host);
    return undefined;
  },
  async EnableCrypto(caller, self, { keyPlain }) {
    const host = hostOf(caller, self);
    await caller.vcenter.hosts.client(host).enableCrypto(keyPlain);
    await caller.vcenter.hosts.refresh(host);
    return undefined;
  },
  async ConfigureCryptoKey(caller, self, { keyId }) {
    await caller.vcenter.topology.configureCryptoKey(hostOf(caller, self), keyId);
    return undefined;
  },
};

/** Properties of HostSystem. */
export const HOST_SYSTEM_PROPERTIES: PropertyReaders<'HostSystem'> = {
  runtime: ({ vcenter }, self) => {
    const host = vcenter.inventory.require('HostSystem', self);
    return runtime(host, vcenter.hosts.state(host.moid));
  },
  summary: (caller, self) => summary(caller.vcenter, hostOf(caller, self)),
  capability: (caller, self) => capability(caller.vcenter.hosts.state(hostOf(caller, self).moid)),
  configManager: () => ({ _typeName: 'HostConfigManager' }),
  vm: (caller, self) => caller.vcenter.inventory.vmsOn(hostOf(caller, self).moid).map(referenceOf),
  datastore: ({ vcenter }, self) => vcenter.inventory.datastoresOf(self.value).map(referenceOf),
  network: () => [],
  overallStatus: ({ vcenter }, self) => (vcenter.hosts.state(self.value).connected ? 'green' : 'red'),
};

function hostOf(caller: Caller, self: ManagedObjectReference): HostEntity {
  return caller.vcenter.inventory.require('HostSystem', self);
}

function start(
  caller: Caller,
  host: HostEntity,
  descriptionId: string,
  work: () => Promise<void>,
): ManagedObjectReference {
  const userName = principalOf(caller).name;
  return caller.vcenter.tasks.start({ entity: host, descriptionId, userName }, async () => {
    await work();
    return undefined;
  });
}

function runtime(
  { disconnected = false }: HostEntity,
  { connected, about, crypto }: HostState,
): VimObject<'HostRuntimeInfo'> {
  return {
    _typeName: 'HostRuntimeInfo',
    connectionState: disconnected ? 'disconnected' : connected ? 'connected' : 'notResponding',
    powerState: connected ? 'poweredOn' : 'unknown',
    inMaintenanceMode: about?.inMaintenance ?? false,
    ...(about && { bootTime: new Date(about.bootTime) }),
    ...(crypto && { cryptoState: crypto.state }),
    ...(crypto?.hostKey && { cryptoKeyId: keyIdOf(crypto.hostKey) }),
  };
}

function keyIdOf(id: NonNullable<NonNullable<HostState['crypto']>['hostKey']>): VimObject<'CryptoKeyId'> {
  return {
    _typeName: 'CryptoKeyId',
    keyId: id.keyId,
    ...(id.providerId && { providerId: { _typeName: 'KeyProviderId', id: id.providerId.id } }),
  };
}

function summary(vcenter: Vcenter, host: HostEntity): VimObject<'HostListSummary'> {
  const state = vcenter.hosts.state(host.moid);
  const { about } = state;
  const { port } = new URL(host.address);
  return {
    _typeName: 'HostListSummary',
    host: referenceOf(host),
    runtime: runtime(host, state),
    hardware: {
      _typeName: 'HostHardwareSummary',
      vendor: 'kpsim',
      model: 'kpsim host agent',
      uuid: host.uuid,
      memorySize: 0,
      cpuModel: process.arch,
      cpuMhz: 0,
      numCpuPkgs: 1,
      numCpuCores: 1,
      numCpuThreads: 1,
      numNics: 1,
      numHBAs: 1,
    },
    config: {
      _typeName: 'HostConfigSummary',
      name: host.name,
      port: Number(port) || 443,
      ...(about && { product: product(about.version, about.build) }),
      vmotionEnabled: true,
      faultToleranceEnabled: false,
    },
    quickStats: { _typeName: 'HostListSummaryQuickStats' },
    overallStatus: state.connected ? 'green' : 'red',
    rebootRequired: state.crypto?.state === 'pendingIncapable',
    ...(about?.tpm.present === true && tpmAttestation(about)),
    ...(state.trusted && about && { trustAuthorityAttestationInfos: [trustAttestation(about.attestation)] }),
  };
}

function product(version: string, build: string): VimObject<'AboutInfo'> {
  return {
    _typeName: 'AboutInfo',
    name: 'VMware ESXi',
    fullName: `VMware ESXi ${version} build-${build} (kpsim)`,
    vendor: 'VMware, Inc.',
    version,
    build,
    osType: 'vmnix-x86',
    productLineId: 'embeddedEsx',
    apiType: 'HostAgent',
    apiVersion: `${version}.0`,
  };
}

type About = NonNullable<HostState['about']>;

function tpmAttestation({ attestation, bootTime }: About): {
  readonly tpmAttestation: VimObject<'HostTpmAttestationInfo'>;
} {
  return {
    tpmAttestation: {
      _typeName: 'HostTpmAttestationInfo',
      time: new Date(attestation.attestedAt ?? bootTime),
      status: attestation.status === 'attested' ? 'accepted' : 'notAccepted',
    },
  };
}

function trustAttestation(info: About['attestation']): VimObject<'HostTrustAuthorityAttestationInfo'> {
  return {
    _typeName: 'HostTrustAuthorityAttestationInfo',
    attestationStatus: info.status,
    ...(info.serviceId !== undefined && { serviceId: info.serviceId }),
    ...(info.attestedAt !== undefined && { attestedAt: new Date(info.attestedAt) }),
    ...(info.attestedUntil !== undefined && { attestedUntil: new Date(info.attestedUntil) }),
    messages: info.messages.map((message) => ({
      _typeName: 'LocalizableMessage',
      key: 'kpsim.attestation',
      message,
    })),
  };
}

/** Capabilities that kpsim's hosts have; every other one that must be told is false. */
function capability({ about }: HostState): VimObject<'HostCapability'> | undefined {
  if (!about) return undefined;
  const required = Object.entries(VIM_TYPES.HostCapability.fields)
    .filter(([, type]) => type === 'boolean')
    .map(([name]) => [name, false]);
  return {
    ...(Object.fromEntries(required) as VimObject<'HostCapability'>),
    _typeName: 'HostCapability',
    rebootSupported: true,
    vmotionSupported: true,
    storageVMotionSupported: true,
    vmotionWithStorageVMotionSupported: true,
    tpmSupported: about.tpm.present,
    ...(about.tpm.version !== undefined && { tpmVersion: about.tpm.version }),
    cryptoSupported: isAtLeast(about.version, '6.5'),
    encryptedVMotionSupported: about.encryptedVmotionSupported,
    encryptionChangeOnAddRemoveSupported: isAtLeast(about.version, '6.5'),
    storagePolicySupported: true,
    uefiSecureBoot: about.secureBoot,
    hostConfigEncryptionSupported: compareVersions(about.version, '7.0.2') >= 0,
  };
}
