import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { ServiceContext } from '../../core/context.js';
import { createContext } from '../../core/context.js';
import { endpointNamed } from '../../core/lifecycle.js';
import { Metrics } from '../../core/metrics.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type {
  CryptoKeyId,
  CryptoKeyPlain,
  HostAgentConfigInput,
  PlatformParts,
} from '../../host-agent/index.js';
import {
  HostAgentClient,
  HostAgentService,
  MANAGEMENT_ENDPOINT,
  hostAgentConfigSchema,
} from '../../host-agent/index.js';
import type { MigrationSpec } from '../../host-agent/client.js';
import { VimFault } from '../../wire/vim25/index.js';

/** One authority and one administrator, as a vCenter is one, for all hosts of a test file. */
export interface Site {
  readonly ca: CertificateAuthority;
  readonly administrator: KeyAndCertificate;
}

/** A host that listens, with a client of its administrator. */
export interface RunningHost {
  readonly service: HostAgentService;
  readonly client: HostAgentClient;
  readonly context: ServiceContext;
  readonly url: string;
  readonly dataDir: string;
  /** Stops the agent and starts it again on the same data directory. */
  restart(): Promise<RunningHost>;
}

const ADMINISTRATOR = 'vc-test';

export async function makeSite(): Promise<Site> {
  const ca = await CertificateAuthority.create({ commonName: 'test CA' });
  return { ca, administrator: await ca.issueClient({ commonName: ADMINISTRATOR }) };
}

/** A directory that goes when the test has finished. */
export async function scratchDir(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kpsim-host-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** Starts a host for one test; without a TPM unless told. */
export async function startHost(
  site: Site,
  config: Partial<HostAgentConfigInput> = {},
  more: { readonly context?: Partial<ServiceContext>; readonly parts?: PlatformParts } = {},
): Promise<RunningHost> {
  const name = config.name ?? 'esx-1';
  const tls = await site.ca.issueServer({ commonName: name, ipAddresses: ['127.0.0.1'] });
  const context = createContext({ dataDir: await scratchDir(), ...more.context });
  const parsed = hostAgentConfigSchema.parse({
    name,
    tpm: 'none',
    tls: { certificatePem: tls.certificatePem, privateKeyPem: tls.privateKeyPem },
    trustedCaPem: site.ca.caPem,
    administrators: [ADMINISTRATOR],
    ...config,
  });
  const start = async (): Promise<RunningHost> => {
    const service = new HostAgentService(parsed, { ...context, metrics: new Metrics() }, more.parts);
    onTestFinished(() => service.stop());
    const { url } = endpointNamed(await service.start(), MANAGEMENT_ENDPOINT);
    const client = clientOf(site, url);
    const restart = async (): Promise<RunningHost> => {
      await service.stop();
      return start();
    };
    return { service, client, context, url, dataDir: context.dataDir, restart };
  };
  return start();
}

export function clientOf(site: Site, baseUrl: string, certificate = site.administrator): HostAgentClient {
  const client = new HostAgentClient({ baseUrl, caPem: site.ca.caPem, clientCertificate: certificate });
  onTestFinished(() => client.close());
  return client;
}

/** A new key of a standard provider. */
export function newKey(provider = 'skp-1'): CryptoKeyPlain {
  return {
    keyId: { keyId: randomUUID(), providerId: { id: provider } },
    algorithm: 'AES-256',
    keyData: randomBytes(32).toString('base64'),
  };
}

/** Takes a host to safe mode, as a vCenter does before anything encrypted comes to it. */
export async function makeSafe(client: HostAgentClient): Promise<void> {
  await client.prepareCrypto();
  await client.enableCrypto(newKey());
}

/** A host in safe mode with an encrypted VM of one small disk, powered off. */
export async function hostWithEncryptedVm(
  site: Site,
  config: Partial<HostAgentConfigInput> = {},
): Promise<{ host: RunningHost; vmId: string; key: CryptoKeyPlain }> {
  const host = await startHost(site, config);
  await makeSafe(host.client);
  const key = newKey();
  await host.client.addKeys([key]);
  const { id } = await host.client.createVm({
    name: 'web',
    datastore: 'datastore1',
    disks: [{ capacityBytes: 1024 * 1024 }],
    encryption: { key: key.keyId },
  });
  return { host, vmId: id, key };
}

export function newMigration(vmId: string, more: Partial<MigrationSpec> = {}): MigrationSpec {
  return {
    migrationId: randomUUID(),
    oneTimeKey: randomBytes(32).toString('base64'),
    nonce: randomBytes(8).toString('base64'),
    encrypted: true,
    kind: 'migrate',
    live: true,
    vmId,
    targetDatastore: 'datastore1',
    ...more,
  };
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

/** Plain ids, to compare with what a host answers. */
export function bare({ keyId, providerId }: CryptoKeyId): CryptoKeyId {
  return { keyId, ...(providerId && { providerId: { id: providerId.id } }) };
}
