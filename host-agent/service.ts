import type { ErrorRequestHandler } from 'express';

import type { ServiceContext } from '../core/context.js';
import { announceFaults } from '../core/fault-hits.js';
import type { HttpsServer } from '../core/http/index.js';
import {
  VapiError,
  createApp,
  requireClientNamed,
  startHttpsServer,
  vapiErrorHandler,
} from '../core/http/index.js';
import { viJsonRouter } from '../core/http/vi-json.js';
import type { Endpoint, Health, Service } from '../core/lifecycle.js';
import { VimFault, encodeFault } from '../wire/vim25/index.js';
import { observer } from './api/observe.js';
import type { Observer } from './api/observe.js';
import { restErrorOf } from './api/rest-errors.js';
import { HOST_ROWS } from './api/rest-host.js';
import { MIGRATION_ROWS } from './api/rest-migrations.js';
import { VM_ROWS } from './api/rest-vms.js';
import { callOf, restRouter } from './api/rest.js';
import { HostVimBackend } from './api/vim-backend.js';
import type { HostAgentConfig } from './config.js';
import { EsxHost, TPM_ENDPOINT, VMOTION_ENDPOINT } from './esx-host.js';
import { HostMetrics } from './metrics.js';
import type { PlatformParts } from './trust/platform.js';
import { everyInterval } from './trust/renewal-timer.js';

/** Name of the management listener among the service's endpoints. */
export const MANAGEMENT_ENDPOINT = 'management';

/** How often a host looks whether it has to attest: before a report expires, or again after it was refused. */
const RENEWAL_INTERVAL_MS = 60_000;

const REST_ROWS = [...HOST_ROWS, ...VM_ROWS, ...MIGRATION_ROWS];

/** An ESXi-like host: an HTTPS management listener with mutual TLS, and a plain TCP listener for vMotion. */
export class HostAgentService implements Service {
  readonly name: string;
  readonly #config: HostAgentConfig;
  readonly #context: ServiceContext;
  readonly #parts: PlatformParts;
  readonly #metrics: HostMetrics;
  readonly #observe: Observer;
  #host: EsxHost | undefined;
  #server: HttpsServer | undefined;
  #stopRenewal: (() => void) | undefined;

  /** @param parts what hosts of one process may share: the maker of their TPMs, endorsements made ahead */
  constructor(config: HostAgentConfig, context: ServiceContext, parts: PlatformParts = {}) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
    this.#parts = parts;
    this.#metrics = new HostMetrics(context);
    this.#observe = observer(this.name, context, this.#metrics);
  }

  async start(): Promise<readonly Endpoint[]> {
    const { host: address, port, tls, trustedCaPem } = this.#config;
    const host = await EsxHost.open(this.#config, this.#context, this.#metrics, this.#parts);
    this.#host = host;
    // Any operation: those of vim25 are whatever the last part of a path says.
    announceFaults(this.name, this.#context, {});
    try {
      this.#server = await startHttpsServer({
        app: this.#app(host),
        host: address,
        port,
        tls: { ...tls, clientCaPem: trustedCaPem, requestClientCertificate: 'required' },
      });
    } catch (error) {
      await this.stop();
      throw error;
    }
    const every = this.#parts.every ?? everyInterval;
    this.#stopRenewal = every(RENEWAL_INTERVAL_MS, () => this.#renew(host));
    const vmotion = host.migrations.listenAddress;
    const tpm = host.platform.tpmAddress;
    return [
      { name: MANAGEMENT_ENDPOINT, url: this.#server.url, host: address, port: this.#server.port },
      { name: VMOTION_ENDPOINT, url: `vmotion://${vmotion.host}:${vmotion.port}`, ...vmotion },
      ...(tpm ? [{ name: TPM_ENDPOINT, url: `swtpm:host=${tpm.host},port=${tpm.port}`, ...tpm }] : []),
    ];
  }

  async stop(): Promise<void> {
    this.#stopRenewal?.();
    const [server, host] = [this.#server, this.#host];
    this.#server = undefined;
    this.#host = undefined;
    await server?.close();
    await host?.close();
  }

  health(): Health {
    const host = this.#host;
    if (!host || !this.#server) return { status: 'down', details: ['The host agent is not running.'] };
    const { status, messages } = host.attestor.info();
    return status === 'notAttested'
      ? { status: 'degraded', details: messages }
      : { status: 'ok', details: [] };
  }

  /**
   * Names of the faults that break the host's evidence, told to whoever runs the host; it is no request to it.
   *
   * @throws VapiError `SERVICE_UNAVAILABLE` while it does not run, `UNSUPPORTED` without a TPM
   */
  evidenceFaults(): readonly string[] {
    return this.#running().platform.evidenceFaults();
  }

  /** Names of the faults that the running boot has; told and thrown as {@link evidenceFaults}. */
  bootFaults(): readonly string[] {
    return this.#running().platform.bootFaults();
  }

  #running(): EsxHost {
    if (this.#host) return this.#host;
    throw new VapiError('SERVICE_UNAVAILABLE', `The host ${this.name} does not run; start it first.`);
  }

  async #renew(host: EsxHost): Promise<void> {
    try {
      await host.renewAttestation();
    } catch (error) {
      this.#context.log.warn({ err: error }, 'the attestation report was not renewed');
    }
  }

  #app(host: EsxHost): ReturnType<typeof createApp> {
    const app = createApp();
    const observe = this.#observe;
    app.use(requireClientNamed(this.#config.administrators));
    app.use('/sdk', ...observe((request) => request.path.split('/').at(-1) ?? ''));
    app.use(viJsonRouter({ backend: new HostVimBackend(host), log: this.#context.log }));
    app.use(restRouter(host, REST_ROWS, observe));
    app.use(() => {
      throw new VapiError(
        'OPERATION_NOT_FOUND',
        `The host agent has no such call. Besides VI/JSON below /sdk/vim25 there are: ${REST_ROWS.map(callOf).join(', ')}.`,
      );
    });
    app.use(faultsInTheirDialect);
    app.use(vapiErrorHandler(this.#context.log));
    return app;
  }
}

/** Says faults of vim25 that were thrown outside of a handler, as injected ones are, as the face called says them. */
const faultsInTheirDialect: ErrorRequestHandler = (error: unknown, request, response, next) => {
  if (error instanceof VimFault && request.path.startsWith('/sdk/') && !response.headersSent) {
    response.status(500).json(encodeFault(error));
  } else {
    next(restErrorOf(error));
  }
};
