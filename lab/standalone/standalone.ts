import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type * as z from 'zod';

import type { AdminServer } from '../../core/admin.js';
import { startAdmin } from '../../core/admin.js';
import { AdjustableClock } from '../../core/clock.js';
import type { ServiceContext } from '../../core/context.js';
import { createContext } from '../../core/context.js';
import type { DataDir } from '../../core/data-dir.js';
import { makeDataDir, makePrivateDir } from '../../core/data-dir.js';
import { KpsimError, errorText } from '../../core/errors.js';
import type { Endpoint, Service } from '../../core/lifecycle.js';
import type { Logger } from '../../core/logging.js';
import { CertificateStore } from '../certificates.js';
import type { CommonSettings } from './settings.js';

/** What a service that runs alone is given. */
export interface Surroundings {
  /** Certificate and key of the service, PEM. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Authorities of clients. */
  readonly trustedCaPem: string;
  /** The authority of the data directory; absent where the user gave certificates. */
  readonly certificates: CertificateStore | undefined;
  readonly dataDir: string;
  /** The context of a service; its files are in a directory of its name. */
  contextOf(name: string): Promise<ServiceContext>;
}

/** Services as they were started, in the order in which they were. */
export interface Started {
  readonly services: readonly Service[];
  readonly endpoints: readonly Endpoint[];
  /** What the user should know, a line each: certificates, passwords' files, next steps. */
  readonly notes: readonly string[];
}

/** A service that can run alone: one row a service. */
export interface StandaloneService<S extends z.ZodObject> {
  /** Settings of its own and the common ones. */
  readonly schema: S;
  /** The instance's name. */
  nameOf(settings: z.output<S>): string;
  /** Starts it. Whatever is pushed to `running` is stopped again if starting fails. */
  start(
    settings: z.output<S>,
    surroundings: Surroundings,
    running: Service[],
  ): Promise<Omit<Started, 'services'>>;
}

/** A service that runs alone, with its admin listener. */
export interface RunningService extends Started {
  readonly admin: AdminServer;
  readonly dataDir: DataDir;
  /** Stops everything and removes a temporary data directory; may be called more than once. */
  stop(): Promise<void>;
}

/**
 * Starts a service alone: data directory, certificates, the service itself, admin listener.
 *
 * @throws KpsimError saying what is wrong; nothing is left running then
 */
export async function startStandalone<S extends z.ZodObject>(
  definition: StandaloneService<S>,
  settings: z.output<S> & CommonSettings,
  log: Logger,
): Promise<RunningService> {
  const name = definition.nameOf(settings);
  const dataDir = await makeDataDir(settings.data, (what) => log.warn(what));
  const running: Service[] = [];
  const stop = async (): Promise<void> => {
    for (const service of [...running].reverse()) await service.stop();
    await dataDir.remove();
  };
  try {
    const context = await contextFor(name, dataDir.path, log);
    const surroundings: Surroundings = {
      ...(await identityOf(name, dataDir.path, settings, context)),
      dataDir: dataDir.path,
      contextOf: (service) =>
        service === name ? Promise.resolve(context) : siblingOf(context, service, dataDir.path),
    };
    const started = await definition.start(settings, surroundings, running);
    const admin = await startAdmin({
      services: running,
      context,
      host: settings.adminHost,
      port: settings.adminPort,
      token: settings.adminToken,
    });
    let stopped: Promise<void> | undefined;
    return {
      ...started,
      services: running,
      admin,
      dataDir,
      stop: () => (stopped ??= admin.close().then(stop)),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function contextFor(name: string, dataDir: string, log: Logger): Promise<ServiceContext> {
  return createContext({
    dataDir: await makePrivateDir(join(dataDir, name)),
    log: log.child({ service: name }),
    clock: new AdjustableClock(),
  });
}

/** The context of a second service in the process: it shares clock, faults and journal, not metrics and files. */
async function siblingOf(context: ServiceContext, name: string, dataDir: string): Promise<ServiceContext> {
  const { clock, faults, journal, log } = context;
  return createContext({ clock, faults, journal, log, dataDir: await makePrivateDir(join(dataDir, name)) });
}

async function identityOf(
  name: string,
  dataDir: string,
  { tls, host }: CommonSettings,
  { clock }: ServiceContext,
): Promise<Pick<Surroundings, 'tls' | 'trustedCaPem' | 'certificates'>> {
  if (tls) {
    const [certificatePem, privateKeyPem, trustedCaPem] = await Promise.all([
      readPem(tls.certificate),
      readPem(tls.privateKey),
      readPem(tls.trustedCa),
    ]);
    return { tls: { certificatePem, privateKeyPem }, trustedCaPem, certificates: undefined };
  }
  const certificates = await CertificateStore.open(dataDir, { commonName: `kpsim CA of ${name}`, clock });
  const { chainPem, privateKeyPem } = await certificates.server(name, host);
  return {
    tls: { certificatePem: chainPem, privateKeyPem },
    trustedCaPem: certificates.caPem,
    certificates,
  };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KpsimError(
      'file_unreadable',
      `Cannot read ${path} (${errorText(error)}). Give the path of a PEM file that this user can read.`,
      { cause: error },
    );
  }
}
