import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { ServiceContext } from '../../core/context.js';
import { createContext } from '../../core/context.js';
import { endpointNamed } from '../../core/lifecycle.js';
import { Metrics } from '../../core/metrics.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type {
  HostAgentConfigInput,
  HostAgentService as HostService,
  PlatformParts,
} from '../../host-agent/index.js';
import {
  HostAgentClient,
  HostAgentService,
  MANAGEMENT_ENDPOINT,
  hostAgentConfigSchema,
} from '../../host-agent/index.js';
import { KmsService, parseKmsConfig } from '../../kms/index.js';
import { NativeKpService, nativeKpConfigSchema } from '../../native-kp/index.js';
import type { VcenterConfigInput } from '../../vcenter/index.js';
import {
  FRONT_DOOR_ENDPOINT,
  VcenterClient,
  VcenterService,
  vcenterConfigSchema,
} from '../../vcenter/index.js';
import { VimFault } from '../../wire/vim25/index.js';

export const ADMINISTRATOR = 'administrator@vsphere.local';
export const PASSWORD = 'kpsim-Test-1!';

/** A vCenter that listens, with a client logged in as its administrator. */
export interface RunningVcenter {
  readonly name: string;
  readonly url: string;
  readonly service: VcenterService;
  readonly client: VcenterClient;
  readonly context: ServiceContext;
  readonly instanceUuid: string;
  /** Stops it and starts it again on the same data and port. */
  restart(): Promise<RunningVcenter>;
}

/** A host agent that listens. */
export interface RunningHost {
  readonly name: string;
  readonly url: string;
  readonly service: HostService;
  readonly client: HostAgentClient;
  readonly context: ServiceContext;
}

/** A key server that listens. */
export interface RunningKms {
  readonly host: string;
  readonly port: number;
  readonly context: ServiceContext;
  readonly service: KmsService;
}

/** One authority for all services of a test. Everything ends with the test. */
export class Site {
  readonly ca: CertificateAuthority;

  private constructor(ca: CertificateAuthority) {
    this.ca = ca;
  }

  static async create(): Promise<Site> {
    return new Site(await CertificateAuthority.create({ commonName: 'test CA' }));
  }

  /** A site under an authority that there is already. */
  static over(ca: CertificateAuthority): Site {
    return new Site(ca);
  }

  async context(): Promise<ServiceContext> {
    const dataDir = await mkdtemp(join(tmpdir(), 'kpsim-vcenter-test-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
    return createContext({ dataDir });
  }

  async startKms(): Promise<RunningKms> {
    const context = await this.context();
    const tls = await this.ca.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] });
    const { certificatePem, privateKeyPem } = tls;
    const service = new KmsService(
      parseKmsConfig({ port: 0, tls: { certificatePem, privateKeyPem }, trustedCaPem: this.ca.caPem }),
      context,
    );
    onTestFinished(() => service.stop());
    const { host, port } = endpointNamed(await service.start(), 'kmip');
    return { host, port, context, service };
  }

  async startHost(
    name: string,
    config: Partial<HostAgentConfigInput> = {},
    parts?: PlatformParts,
  ): Promise<RunningHost> {
    const context = await this.context();
    const { certificatePem, privateKeyPem } = await this.ca.issueServer({
      commonName: name,
      ipAddresses: ['127.0.0.1'],
    });
    const tls = { certificatePem, privateKeyPem };
    const parsed = hostAgentConfigSchema.parse({
      name,
      tpm: 'none',
      tls,
      trustedCaPem: this.ca.caPem,
      administrators: ['vc-east', 'vc-west', 'nkp-vc-east', 'nkp-vc-west', 'tester'],
      ...config,
    });
    const service = new HostAgentService(parsed, context, parts);
    onTestFinished(() => service.stop());
    const { url } = endpointNamed(await service.start(), MANAGEMENT_ENDPOINT);
    const tester = await this.ca.issueClient({ commonName: 'tester' });
    const client = new HostAgentClient({ baseUrl: url, caPem: this.ca.caPem, clientCertificate: tester });
    onTestFinished(() => client.close());
    return { name, url, service, client, context };
  }

  /** A native key provider service behind the vCenter of that name. */
  async startNativeKp(vcenter: string): Promise<string> {
    const name = `nkp-${vcenter}`;
    const { certificatePem, privateKeyPem } = await this.ca.issueServer({
      commonName: name,
      ipAddresses: ['127.0.0.1'],
    });
    const config = nativeKpConfigSchema.parse({
      name,
      tls: { certificatePem, privateKeyPem },
      trustedCaPem: this.ca.caPem,
      frontDoor: vcenter,
    });
    const service = new NativeKpService(config, await this.context());
    onTestFinished(() => service.stop());
    const [endpoint] = await service.start();
    if (!endpoint) throw new Error('the native key provider service has no endpoint');
    return endpoint.url;
  }

  async startVcenter(name: string, config: Partial<VcenterConfigInput> = {}): Promise<RunningVcenter> {
    const context = await this.context();
    const { certificatePem, privateKeyPem } = await this.ca.issueServer({
      commonName: name,
      ipAddresses: ['127.0.0.1'],
    });
    const input: VcenterConfigInput = {
      name,
      tls: { certificatePem, privateKeyPem },
      trustedCaPem: this.ca.caPem,
      users: [{ name: ADMINISTRATOR, password: PASSWORD, role: 'Admin' }],
      ...config,
    };
    const start = async (port = 0): Promise<RunningVcenter> => {
      const parsed = vcenterConfigSchema.parse({ ...input, port });
      const service = new VcenterService(parsed, { ...context, metrics: new Metrics() });
      onTestFinished(() => service.stop());
      const endpoint = endpointNamed(await service.start(), FRONT_DOOR_ENDPOINT);
      const client = this.vcenterClient(endpoint.url);
      await client.login(ADMINISTRATOR, PASSWORD);
      const { about } = await client.serviceContent();
      const restart = async (): Promise<RunningVcenter> => {
        await service.stop();
        return start(endpoint.port);
      };
      return {
        name,
        url: endpoint.url,
        service,
        client,
        context,
        instanceUuid: about.instanceUuid ?? '',
        restart,
      };
    };
    return start();
  }

  vcenterClient(baseUrl: string): VcenterClient {
    const client = new VcenterClient({ baseUrl, caPem: this.ca.caPem });
    onTestFinished(() => client.close());
    return client;
  }

  /** Registers a key server as a standard provider, and lets the vCenter trust it. */
  async addStandardProvider({ client }: RunningVcenter, name: string, kms: RunningKms): Promise<void> {
    await client.invoke('CryptoManagerKmip', 'CryptoManager', 'RegisterKmipServer', {
      server: {
        _typeName: 'KmipServerSpec',
        clusterId: { _typeName: 'KeyProviderId', id: name },
        info: { _typeName: 'KmipServerInfo', name: 'kms-1', address: kms.host, port: kms.port },
      },
    });
    const cluster = { _typeName: 'KeyProviderId', id: name } as const;
    await client.invoke('CryptoManagerKmip', 'CryptoManager', 'UploadKmipServerCert', {
      cluster,
      certificate: this.ca.caPem,
    });
    const { certificatePem, privateKeyPem } = await this.ca.issueClient({
      commonName: `kmip-${randomUUID()}`,
    });
    await client.invoke('CryptoManagerKmip', 'CryptoManager', 'UploadClientCert', {
      cluster,
      certificate: certificatePem,
      privateKey: privateKeyPem,
    });
  }
}

/** Ids of a datacenter and what is in it. */
export interface Datacenter {
  readonly vmFolder: string;
  readonly hostFolder: string;
}

export async function addDatacenter({ client }: RunningVcenter, name = 'dc'): Promise<Datacenter> {
  const { value } = await client.invoke('Folder', 'group-d1', 'CreateDatacenter', { name });
  const [vmFolder, hostFolder] = await Promise.all([
    client.property('Datacenter', value, 'vmFolder'),
    client.property('Datacenter', value, 'hostFolder'),
  ]);
  return { vmFolder: vmFolder.value, hostFolder: hostFolder.value };
}

export interface ClusterIds {
  readonly cluster: string;
  readonly pool: string;
}

export async function addCluster(
  { client }: RunningVcenter,
  { hostFolder }: Datacenter,
  name: string,
): Promise<ClusterIds> {
  const { value } = await client.invoke('Folder', hostFolder, 'CreateClusterEx', {
    name,
    spec: { _typeName: 'ClusterConfigSpecEx' },
  });
  const pool = await client.property('ClusterComputeResource', value, 'resourcePool');
  return { cluster: value, pool: pool?.value ?? '' };
}

/** Adds a host to a cluster; returns its moid. */
export async function addHost(
  { client }: RunningVcenter,
  cluster: string,
  host: RunningHost,
): Promise<string> {
  const result = await client.run('ClusterComputeResource', cluster, 'AddHost_Task', {
    spec: { _typeName: 'HostConnectSpec', hostName: new URL(host.url).host, force: false },
    asConnected: true,
  });
  return (result as unknown as { value: string }).value;
}

/** Adds a standalone host; returns its moid and pool. */
export async function addStandaloneHost(
  { client }: RunningVcenter,
  { hostFolder }: Datacenter,
  host: RunningHost,
): Promise<{ host: string; pool: string }> {
  const result = await client.run('Folder', hostFolder, 'AddStandaloneHost_Task', {
    spec: { _typeName: 'HostConnectSpec', hostName: new URL(host.url).host, force: false },
    addConnected: true,
  });
  const compute = (result as unknown as { value: string }).value;
  const [hosts, pool] = await Promise.all([
    client.property('ComputeResource', compute, 'host'),
    client.property('ComputeResource', compute, 'resourcePool'),
  ]);
  return { host: hosts?.[0]?.value ?? '', pool: pool?.value ?? '' };
}

export function ref(type: string, value: string) {
  return { _typeName: 'ManagedObjectReference', type, value } as const;
}

/** How a test's VM is made. */
export interface VmWish {
  readonly name: string;
  readonly folder: string;
  readonly pool: string;
  readonly host?: string;
  /** Provider of its key; a plain VM without. */
  readonly provider?: string;
  readonly migrateEncryption?: string;
}

/** Makes a VM with one disk of 64 KiB; returns its moid. */
export async function addVm({ client }: RunningVcenter, wish: VmWish): Promise<string> {
  const vm = await client.run('Folder', wish.folder, 'CreateVM_Task', {
    config: {
      _typeName: 'VirtualMachineConfigSpec',
      name: wish.name,
      memoryMB: 4,
      ...(wish.migrateEncryption !== undefined && { migrateEncryption: wish.migrateEncryption }),
      ...(wish.provider !== undefined && { crypto: encryptWith(wish.provider) }),
      deviceChange: [
        {
          _typeName: 'VirtualDeviceConfigSpec',
          operation: 'add',
          fileOperation: 'create',
          device: { _typeName: 'VirtualDisk', key: -1, capacityInKB: 64 },
        },
      ],
    },
    pool: ref('ResourcePool', wish.pool),
    ...(wish.host !== undefined && { host: ref('HostSystem', wish.host) }),
  });
  return (vm as unknown as { value: string }).value;
}

export function encryptWith(provider: string, keyId = '') {
  return {
    _typeName: 'CryptoSpecEncrypt',
    cryptoKeyId: {
      _typeName: 'CryptoKeyId',
      keyId,
      providerId: { _typeName: 'KeyProviderId', id: provider },
    },
  } as const;
}

/** The fault that a call ends with. @throws Error if it ends with none */
export async function faultOf(call: Promise<unknown>): Promise<VimFault> {
  try {
    await call;
  } catch (error) {
    if (error instanceof VimFault) return error;
    throw error;
  }
  throw new Error('the call ended without a fault');
}
