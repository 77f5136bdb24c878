import type { ServiceContext } from '../core/context.js';
import { createApp, startHttpsServer } from '../core/http/index.js';
import type { HttpsServer } from '../core/http/index.js';
import type { Endpoint, Health, Service } from '../core/lifecycle.js';
import { Downloads } from './backup/downloads.js';
import type { NativeKpConfig } from './config.js';
import { Providers } from './provider/providers.js';
import { nativeKpRouter } from './rest/router.js';
import { NativeKpStore } from './store.js';
import { HostSupply } from './supply/host-supply.js';
import { systemScheduler } from './supply/scheduler.js';
import type { Scheduler } from './supply/scheduler.js';

interface Running {
  readonly server: HttpsServer;
  readonly store: NativeKpStore;
  readonly supply: HostSupply;
  readonly downloads: Downloads;
}

/**
 * The vSphere Native Key Provider of one vCenter: makes, backs up and restores key derivation keys, and keeps the
 * vCenter's hosts supplied with them, so that hosts derive keys without asking anyone.
 */
export class NativeKpService implements Service {
  readonly name: string;
  readonly #config: NativeKpConfig;
  readonly #context: ServiceContext;
  readonly #scheduler: Scheduler;
  #running: Running | undefined;

  /** @param scheduler decides when the rounds of remediation come */
  constructor(config: NativeKpConfig, context: ServiceContext, scheduler: Scheduler = systemScheduler) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#scheduler = scheduler;
  }

  /** @throws KpsimError as `NativeKpStore.open` and `startHttpsServer` */
  async start(): Promise<readonly Endpoint[]> {
    const [config, context] = [this.#config, this.#context];
    const { clock, rng } = context;
    const store = await NativeKpStore.open(context.dataDir);
    const supply = new HostSupply({ config, context, store, scheduler: this.#scheduler });
    const lifetimeSeconds = config.downloadTokenSeconds;
    const downloads = new Downloads({ clock, rng, issuer: config.name, lifetimeSeconds });
    const providers = new Providers({ store, clock, rng });
    const app = createApp();
    app.use(nativeKpRouter({ config, context, providers, supply, downloads }));
    const server = await startHttpsServer({
      app,
      host: config.host,
      port: config.port,
      tls: { ...config.tls, clientCaPem: config.trustedCaPem, requestClientCertificate: 'optional' },
    }).catch((error: unknown) => {
      store.close();
      throw error;
    });
    supply.start();
    this.#running = { server, store, supply, downloads };
    return [{ name: 'https', url: server.url, host: server.host, port: server.port }];
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    await running.server.close();
    await running.supply.stop();
    running.downloads.close();
    running.store.close();
  }

  health(): Health {
    if (!this.#running) return { status: 'down', details: [`${this.name} is not started.`] };
    const { supply } = this.#running;
    const details = supply.hosts().flatMap((host) => {
      const failure = supply.status(host.host)?.failure;
      return failure === undefined ? [] : [`Host ${host.name} lags behind: ${failure}`];
    });
    return { status: details.length > 0 ? 'degraded' : 'ok', details };
  }
}
