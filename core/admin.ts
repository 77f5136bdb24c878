import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Express } from 'express';

import type { ServiceContext } from './context.js';
import { KpsimError } from './errors.js';
import { listening, urlOf } from './http/https-server.js';
import type { Service } from './lifecycle.js';

/** Choices for {@link startAdmin}. */
export interface AdminOptions {
  /** The services answered for; one, or a whole lab. Gone through anew at each request. */
  readonly services: Iterable<Pick<Service, 'name' | 'health'>>;
  readonly context: ServiceContext;
  /** Loopback unless told; any other address needs a token. */
  readonly host?: string | undefined;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Asked for as `Authorization: Bearer`; needed when `host` is not loopback. */
  readonly token?: string | undefined;
  /** Adds a service's own routes, at the first call. */
  readonly extend?: ((app: Express) => void) | undefined;
}

/** A running admin listener. */
export interface AdminServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Addresses that only this machine reaches. */
export const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * Starts the admin listener: `/livez`, `/readyz`, `/version`, `/metrics`, `/faults`, `/journal`, `/clock`.
 * Plain HTTP on loopback, so that a browser page cannot reach it: requests with a foreign `Host` or with an
 * `Origin` are refused.
 *
 * @throws KpsimError `admin_token_needed` when bound beyond loopback without a token
 */
export async function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const host = options.host ?? '127.0.0.1';
  if (!LOOPBACK.has(host) && options.token === undefined) {
    throw new KpsimError(
      'admin_token_needed',
      `The admin listener on ${host} can be reached by others: set an admin token, or bind it to 127.0.0.1.`,
    );
  }
  // Express takes longer to load than a service to start, and most services are never asked: it comes with the first call.
  let app: Promise<Express> | undefined;
  const server = createServer((request, response) => {
    app ??= loadedApp(options, LOOPBACK.has(host));
    app.then(
      (answer) => void answer(request, response),
      (error: unknown) => {
        options.context.log.error({ err: error }, 'the admin listener failed');
        response.destroy();
      },
    );
  });
  await listening(server, options.port, host);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: urlOf(host, port, 'http'),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function loadedApp(options: AdminOptions, loopback: boolean): Promise<Express> {
  const { adminApp } = await import('./admin-app.js');
  return adminApp(options, loopback);
}
