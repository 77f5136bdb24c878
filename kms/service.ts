import type { ServiceContext } from '../core/context.js';
import { announceFaults } from '../core/fault-hits.js';
import { urlOf } from '../core/http/https-server.js';
import type { Endpoint, Health, Service } from '../core/lifecycle.js';
import type { KmsConfig } from './config.js';
import { ObjectRepository } from './objects/repository.js';
import { openStore } from './open-store.js';
import { OPERATIONS } from './operations/registry.js';
import { LaggingStore } from './replication-lag.js';
import { BatchProcessor } from './server/batch.js';
import { ExpiredCertificate } from './server/expired-certificate.js';
import { faultVocabulary } from './server/faults.js';
import { HttpsListener } from './server/https.js';
import { IdentityPolicy } from './server/identity.js';
import { KmipListener } from './server/listener.js';
import type { KmsMetrics } from './server/metrics.js';
import { kmsMetrics } from './server/metrics.js';
import { RefusedConnections } from './server/refused-connections.js';
import { ServerState } from './server/state.js';
import type { KmsStore } from './store.js';

/** A KMIP key server. */
export class KmsService implements Service {
  readonly name: string;
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #metrics: KmsMetrics;
  readonly #expiredTwin: (() => string) | undefined;
  #running:
    | {
        readonly listeners: readonly (KmipListener | HttpsListener)[];
        readonly server: ServerState;
        readonly repository: ObjectRepository;
        readonly store: KmsStore;
      }
    | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * @param config as {@link parseKmsConfig} returns it
   * @param expiredTwin makes what a configuration without `tls.expiredCertificatePem` lacks, once a fault asks for it
   */
  constructor(config: KmsConfig, context: ServiceContext, expiredTwin?: () => string) {
    this.name = config.name;
    this.#config = config;
    this.#expiredTwin = expiredTwin;
    this.#context = context;
    this.#metrics = kmsMetrics(context.metrics);
  }

  /**
   * Opens the store and binds the KMIP port and, if configured, the HTTPS port; the endpoints are named `kmip` and
   * `kmip-https`.
   *
   * @throws KpsimError `store_unusable`, `store_key_invalid`, `store_too_new`, `certificate_invalid`
   */
  async start(): Promise<readonly Endpoint[]> {
    const { host } = this.#config;
    const server = new ServerState(this.#config, this.#context);
    const identity = new IdentityPolicy(this.#config, server.tickets);
    const store = new LaggingStore(
      await openStore(this.#config, this.#context),
      this.#config.name,
      this.#context,
    );
    announceFaults(this.#config.name, this.#context, faultVocabulary(Object.keys(OPERATIONS)));
    const repository = new ObjectRepository(store, this.#config.limits);
    const parts = {
      config: this.#config,
      context: this.#context,
      repository,
      identity,
      server,
      metrics: this.#metrics,
    };
    const processor = new BatchProcessor(parts);
    const expired = new ExpiredCertificate(
      this.#config.tls.expiredCertificatePem,
      this.#expiredTwin,
      this.#context.log,
    );
    const refusals = new RefusedConnections(this.#context, this.#metrics);
    const doors = { ...parts, processor, refusals, expired };
    const listener = new KmipListener(doors);
    const https = this.#config.https && new HttpsListener(doors, this.#config.https);
    try {
      const port = await listener.listen();
      const endpoints: Endpoint[] = [{ name: 'kmip', url: urlOf(host, port, 'kmip'), host, port }];
      if (https) endpoints.push(await this.#listenHttps(https));
      this.#stopping = undefined;
      this.#running = { listeners: https ? [listener, https] : [listener], server, repository, store };
      this.#context.log.info({ endpoints }, 'key server listens');
      void this.#loadKeys(repository);
      return endpoints;
    } catch (error) {
      await listener.close();
      await store.close();
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  health(): Health {
    if (!this.#running) return { status: 'down', details: ['The key server is not started.'] };
    const problem = this.#running.store.problem();
    return problem === undefined ? { status: 'ok', details: [] } : { status: 'down', details: [problem] };
  }

  /** Keys are served from the store until they are in memory. */
  async #loadKeys(repository: ObjectRepository): Promise<void> {
    this.#metrics.loadingKeys.set(1);
    try {
      await repository.loadKeys();
      this.#context.log.info({ keys: repository.keys?.size }, 'keys are in memory');
    } catch (error) {
      this.#context.log.warn(
        { err: error },
        'keys could not all be loaded into memory; Gets of them are slower',
      );
    }
    this.#metrics.loadingKeys.set(0);
  }

  async #listenHttps(listener: HttpsListener): Promise<Endpoint> {
    const { host, https } = this.#config;
    const port = await listener.listen();
    return { name: 'kmip-https', url: `${urlOf(host, port)}${https?.path ?? ''}`, host, port };
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    await Promise.all(running.listeners.map((listener) => listener.close()));
    await running.server.close();
    running.repository.close();
    await running.store.close();
  }
}
