import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AdjustableClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import type { ServiceContext } from '../../core/context.js';
import {
  createApp,
  HttpClient,
  jsonBody,
  requireClientNamed,
  startHttpsServer,
} from '../../core/http/index.js';
import type { HttpsServer } from '../../core/http/index.js';
import { createLogger } from '../../core/logging.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { deriveKek } from '../../wire/native-key/index.js';
import { NativeKpClient, NativeKpService, nativeKpConfigSchema } from '../../native-kp/index.js';
import type { Scheduler, SuppliedHost } from '../../native-kp/index.js';

/** A host's provider as the stand-in below holds it. */
interface Held {
  readonly type: 'NATIVE' | 'TRUST_AUTHORITY';
  readonly key_id?: string;
  readonly kdk?: Buffer;
}

/** The provider API of a host, over real TLS and just as the host agent answers it. */
export class StandInHost {
  readonly held: Map<string, Held>;
  readonly calls: string[];
  readonly #server: HttpsServer;
  readonly #moid: string;

  private constructor(server: HttpsServer, moid: string, held: Map<string, Held>, calls: string[]) {
    this.#server = server;
    this.#moid = moid;
    this.held = held;
    this.calls = calls;
  }

  static async start(moid: string, identity: KeyAndCertificate, caPem: string): Promise<StandInHost> {
    const app = createApp();
    const path = '/api/esx/trusted-infrastructure/kms/providers';
    const held = new Map<string, Held>();
    const calls: string[] = [];
    app.use(requireClientNamed(['nkp-east', 'nkp-west']), jsonBody());
    app.get(path, (_request, response) => {
      calls.push('list');
      response.json([...held].map(([provider, { type, key_id }]) => ({ provider, type, key_id })));
    });
    app.post(path, (request, response) => {
      const { provider, native_spec: spec } = request.body as {
        provider: string;
        native_spec: { key_id: string; key_derivation_key: string };
      };
      calls.push(`give ${provider}`);
      const kdk = Buffer.from(spec.key_derivation_key, 'base64');
      held.set(provider, { type: 'NATIVE', key_id: spec.key_id, kdk });
      response.status(204).end();
    });
    app.delete(`${path}/:provider`, (request, response) => {
      calls.push(`take ${request.params.provider}`);
      response.status(held.delete(request.params.provider) ? 204 : 404).end();
    });
    const server = await startHttpsServer({
      app,
      host: '127.0.0.1',
      port: 0,
      tls: { ...identity, clientCaPem: caPem, requestClientCertificate: 'required' },
    });
    return new StandInHost(server, moid, held, calls);
  }

  supplied(more: Partial<SuppliedHost> = {}): SuppliedHost {
    return {
      host: this.#moid,
      name: `esx-${this.#moid}`,
      address: this.#server.url,
      clustered: true,
      tpmPresent: true,
      ...more,
    };
  }

  /** The key that the host derives for a key id. */
  derive(provider: string, keyId: string): Buffer {
    return deriveKek(this.held.get(provider)!.kdk!, keyId);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}

/** Timers that go off when the test says so. */
export class ManualScheduler implements Scheduler {
  readonly waiting: { readonly delayMs: number; readonly run: () => void }[] = [];

  after(delayMs: number, run: () => void): () => void {
    const entry = { delayMs, run };
    this.waiting.push(entry);
    return () => {
      const index = this.waiting.indexOf(entry);
      if (index >= 0) this.waiting.splice(index, 1);
    };
  }

  /** Delays that are being waited for, but for the short patience of requests. */
  get delaysMs(): readonly number[] {
    return this.waiting.map(({ delayMs }) => delayMs);
  }

  /** Lets the one timer go off that has this delay. */
  fire(delayMs: number): void {
    const index = this.waiting.findIndex((entry) => entry.delayMs === delayMs);
    const [entry] = this.waiting.splice(index, 1);
    entry!.run();
  }
}

/** One service with its vCenter's client; restarted on the same data directory by {@link restart}. */
export class NkpLab {
  readonly context: ServiceContext;
  readonly clock: AdjustableClock;
  readonly scheduler = new ManualScheduler();
  readonly logLines: string[];
  readonly ca: CertificateAuthority;
  readonly #config: unknown;
  readonly #frontDoor: KeyAndCertificate;
  readonly #closers: (() => Promise<void>)[] = [];
  service!: NativeKpService;
  client!: NativeKpClient;
  url = '';

  private constructor(parts: {
    context: ServiceContext;
    clock: AdjustableClock;
    logLines: string[];
    ca: CertificateAuthority;
    config: unknown;
    frontDoor: KeyAndCertificate;
  }) {
    this.context = parts.context;
    this.clock = parts.clock;
    this.logLines = parts.logLines;
    this.ca = parts.ca;
    this.#config = parts.config;
    this.#frontDoor = parts.frontDoor;
  }

  static async start(more: Record<string, unknown> = {}, ca?: CertificateAuthority): Promise<NkpLab> {
    const authority = ca ?? (await CertificateAuthority.create({ commonName: 'test CA' }));
    const name = (more.name as string | undefined) ?? 'nkp-east';
    const identity = await authority.issueServer({ commonName: name, ipAddresses: ['127.0.0.1'] });
    const logLines: string[] = [];
    const clock = new AdjustableClock();
    const context = createContext({
      dataDir: await mkdtemp(join(tmpdir(), 'kpsim-nkp-')),
      clock,
      log: createLogger({ name, level: 'trace', stream: { write: (line) => void logLines.push(line) } }),
    });
    const config = {
      name,
      tls: { certificatePem: identity.certificatePem, privateKeyPem: identity.privateKeyPem },
      trustedCaPem: authority.caPem,
      frontDoor: 'vc-east',
      publicUrl: 'https://vc-east.example',
      ...more,
    };
    const frontDoor = await authority.issueClient({ commonName: 'vc-east' });
    const lab = new NkpLab({ context, clock, logLines, ca: authority, config, frontDoor });
    await lab.restart();
    return lab;
  }

  /** Stops the service, if it runs, and starts it anew. */
  async restart(): Promise<void> {
    if (this.url !== '') await Promise.all([this.client.close(), this.service.stop()]);
    const config = nativeKpConfigSchema.parse(this.#config);
    const context = { ...createContext({ dataDir: this.context.dataDir }), ...this.context };
    const { metrics } = createContext({ dataDir: this.context.dataDir });
    this.service = new NativeKpService(config, { ...context, metrics }, this.scheduler);
    const [endpoint] = await this.service.start();
    this.url = endpoint!.url;
    this.client = this.clientAs(['Cryptographer.ManageKeyServers', 'Cryptographer.ReadKeyServersInfo']);
  }

  /** A client for a user with these privileges. */
  clientAs(privileges: readonly string[], user = 'administrator@vsphere.local'): NativeKpClient {
    return new NativeKpClient(
      { baseUrl: this.url, caPem: this.ca.caPem, clientCertificate: this.#frontDoor },
      { user, privileges },
    );
  }

  /** A bare HTTPS client with the front door's certificate and these headers. */
  http(
    headers: Record<string, string> = {},
    certificate: KeyAndCertificate | undefined = this.#frontDoor,
  ): HttpClient {
    const client = new HttpClient({
      baseUrl: this.url,
      caPem: this.ca.caPem,
      clientCertificate: certificate,
      headers,
    });
    this.#closers.push(() => client.close());
    return client;
  }

  async host(moid: string): Promise<StandInHost> {
    const identity = await this.ca.issueServer({ commonName: moid, ipAddresses: ['127.0.0.1'] });
    const host = await StandInHost.start(moid, identity, this.ca.caPem);
    this.#closers.push(() => host.close());
    return host;
  }

  /** Exports a provider and downloads the backup. */
  async backUp(provider: string, password?: string): Promise<Buffer> {
    const { location } = await this.client.export({ provider, ...(password !== undefined && { password }) });
    return await this.client.download(provider, location.download_token.token);
  }

  async close(): Promise<void> {
    await this.client.close();
    await this.service.stop();
    await Promise.all(this.#closers.map((close) => close()));
    await rm(this.context.dataDir, { recursive: true });
  }
}

/** SHA-256, for comparing keys without printing them. */
export function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
