import type { ServiceContext } from '../core/context.js';
import { announceFaults } from '../core/fault-hits.js';
import type { HttpsServer } from '../core/http/index.js';
import { VapiError, createApp, startHttpsServer, vapiErrorHandler } from '../core/http/index.js';
import { viJsonRouter } from '../core/http/vi-json.js';
import type { Endpoint, Health, Service } from '../core/lifecycle.js';
import type { VcenterConfig } from './config.js';
import { vimBackend } from './managed-objects/backend.js';
import { peerRouter } from './peer/peer-router.js';
import { cryptoManagerProxy } from './rest/crypto-manager-proxy.js';
import { extensionRouter } from './rest/extensions.js';
import { faultsAsVapiErrors } from './rest/fault-answers.js';
import { INVENTORY_CALLS, inventoryRouter } from './rest/inventory.js';
import { observeRest } from './rest/observe.js';
import { otherMethodsRouter } from './rest/other-methods.js';
import { sessionRouter } from './rest/session.js';
import { trustAuthorityMembersRouter } from './rest/trust-authority-members.js';
import { VapiDispatcher } from './vapi/dispatcher.js';
import { jsonRpcRouter } from './vapi/json-rpc-face.js';
import { vapiOperations } from './vapi/operations.js';
import { vapiRestRouter } from './vapi/rest-face.js';
import { Vcenter } from './vcenter.js';

/** Name of the endpoint of {@link VcenterService}. */
export const FRONT_DOOR_ENDPOINT = 'https';

interface Running {
  readonly vcenter: Vcenter;
  readonly server: HttpsServer;
  readonly closeProxy: () => Promise<void>;
}

/** One vCenter: a front door over HTTPS with VI/JSON, REST, the way to its native key provider, and its peers' door. */
export class VcenterService implements Service {
  readonly name: string;
  readonly #config: VcenterConfig;
  readonly #context: ServiceContext;
  #running: Running | undefined;
  #stopping: Promise<void> | undefined;

  constructor(config: VcenterConfig, context: ServiceContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
  }

  async start(): Promise<readonly Endpoint[]> {
    const config = this.#config;
    const vcenter = await Vcenter.open(config, this.#context);
    // Any operation: those of the REST API are paths.
    announceFaults(config.name, this.#context, {});
    const vapi = new VapiDispatcher(vcenter, vapiOperations(vcenter));
    let frontDoor = config.publicUrl ?? '';
    const proxy = cryptoManagerProxy(vcenter, () => new URL(frontDoor).host);
    const app = createApp();
    app.use(viJsonRouter({ backend: vimBackend(vcenter), log: this.#context.log }));
    app.use('/internal/peer', peerRouter(vcenter));
    app.use(...observeRest(vcenter));
    app.use(sessionRouter(vcenter));
    app.use(proxy.router);
    app.use(jsonRpcRouter(vcenter, vapi));
    app.use(vapiRestRouter(vcenter, vapi));
    app.use(inventoryRouter(vcenter));
    app.use(trustAuthorityMembersRouter(vcenter));
    app.use(extensionRouter(vcenter));
    app.use(otherMethodsRouter([...vapi.offered, ...INVENTORY_CALLS]));
    app.use(() => {
      throw new VapiError('OPERATION_NOT_FOUND', 'This vCenter has no such call; check method and path.');
    });
    app.use(faultsAsVapiErrors, vapiErrorHandler(this.#context.log));
    try {
      const server = await startHttpsServer({ app, host: config.host, port: config.port, tls: config.tls });
      frontDoor = config.publicUrl ?? server.url;
      vcenter.start();
      this.#running = { vcenter, server, closeProxy: () => proxy.close() };
      return [{ name: FRONT_DOOR_ENDPOINT, url: server.url, host: server.host, port: server.port }];
    } catch (error) {
      await Promise.all([proxy.close(), vcenter.close()]);
      throw error;
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  health(): Health {
    const running = this.#running;
    if (!running) return { status: 'down', details: ['The vCenter is not started.'] };
    const { hosts, inventory, migrations } = running.vcenter;
    const details = [
      ...inventory
        .ofType('HostSystem')
        .filter((host) => host.disconnected !== true && !hosts.state(host.moid).connected)
        .map((host) => `Host ${host.name} does not answer at ${host.address}; check that its agent runs.`),
      ...migrations.records
        .sources()
        .filter(({ migrationId }) => !migrations.reconciler.isClaimed(migrationId))
        .map(({ migrationId }) => `Migration ${migrationId} waits for its destination to say how it ended.`),
    ];
    return { status: details.length === 0 ? 'ok' : 'degraded', details };
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    running.vcenter.collectors.endAll();
    await running.server.close();
    await running.vcenter.close();
    await running.closeProxy();
  }
}
