import type { ServiceContext } from '../core/context.js';
import { announceFaults } from '../core/fault-hits.js';
import type { HttpsServer } from '../core/http/index.js';
import { startHttpsServer, urlOf } from '../core/http/index.js';
import { makePrivateDir } from '../core/data-dir.js';
import type { Endpoint, Health, Service } from '../core/lifecycle.js';
import { networkAddressOf } from '../wire/attestation/index.js';
import { AttestationService, SIGNING_KEY } from './attestation/attestation-service.js';
import { AttestationCluster } from './attestation/cluster/cluster.js';
import { AttestationConfiguration } from './attestation/configuration.js';
import { KnownHosts } from './attestation/known-hosts.js';
import { attestationOperations } from './attestation/operations.js';
import { attestationStatus } from './attestation/status.js';
import type { TrustAuthorityConfig } from './config.js';
import { applyInitialConfiguration } from './initial-configuration.js';
import { KmsCluster } from './kps/cluster.js';
import { KmsConfiguration } from './kps/configuration.js';
import type { ConfiguredKmsRooms } from './kps/configuration.js';
import { ConsumerPrincipals } from './kps/consumer-principals.js';
import { KeyOperations } from './kps/key-operations.js';
import { kmsOperations } from './kps/operations.js';
import type { KmsRooms } from './kps/operations.js';
import { PrincipalVerifier } from './kps/principal-verifier.js';
import { Providers } from './kps/providers.js';
import { TokenVerifier } from './kps/token-verifier.js';
import { TrustedIssuers } from './kps/trusted-issuers.js';
import { KeyPairs } from './pki/key-pairs.js';
import { chainOf } from './rest-client.js';
import { Door } from './rest/door.js';
import { operationListener } from './rest/router.js';
import type { RouterOptions } from './rest/router.js';
import { TrustAuthorityStore } from './store.js';

/** What a running Trust Authority holds, and how it is taken down. */
interface Running {
  readonly store: TrustAuthorityStore;
  readonly configuration: AttestationConfiguration;
  readonly cluster: AttestationCluster;
  readonly attestation: HttpsServer;
  readonly kms: HttpsServer;
  readonly close: () => Promise<void>;
}

/**
 * A Trust Authority host: an attestation service and a key provider service of one group, each with an HTTPS
 * listener of its own (endpoints `attestation` and `kms`).
 */
export class TrustAuthorityService implements Service {
  readonly name: string;
  readonly #config: TrustAuthorityConfig;
  readonly #context: ServiceContext;
  #running: Running | undefined;

  /** @param config validated by `trustAuthorityConfig` */
  constructor(config: TrustAuthorityConfig, context: ServiceContext) {
    this.name = config.name;
    this.#config = config;
    this.#context = context;
  }

  async start(): Promise<readonly Endpoint[]> {
    this.#running ??= await startTrustAuthority(this.#config, this.#context);
    return [endpointOf('attestation', this.#running.attestation), endpointOf('kms', this.#running.kms)];
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
  }

  health(): Health {
    if (!this.#running) return { status: 'down', details: ['The service is not started.'] };
    const { store, configuration, cluster } = this.#running;
    const problem = store.problem();
    if (problem !== undefined) return { status: 'down', details: [problem] };
    const { health, details } = attestationStatus(configuration, cluster.peers);
    return {
      status: health === 'OK' ? 'ok' : 'degraded',
      details: details.map(({ default_message }) => default_message),
    };
  }
}

async function startTrustAuthority(config: TrustAuthorityConfig, context: ServiceContext): Promise<Running> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const store = await TrustAuthorityStore.open(await makePrivateDir(context.dataDir), context.clock);
    closers.push(() => store.close());
    const keyPairs = new KeyPairs(store, context.clock);
    const configuration = await AttestationConfiguration.load(store);

    const attestationDoor = new Door();
    const attestation = await listen(config, config.attestation.port, attestationDoor);
    closers.push(() => attestation.close());
    const issuer = config.attestation.externalUrl?.replace(/\/$/, '') ?? urlOf(config.host, attestation.port);
    const signerName = `attestation ${config.name}`;
    await keyPairs.findOrCreate(SIGNING_KEY, signerName);
    const knownHosts = new KnownHosts(store);
    const cluster = new AttestationCluster({ context, store, configuration, knownHosts, tls: config.tls });
    closers.push(() => cluster.close());
    await cluster.takeUp();
    const service = new AttestationService({
      context,
      configuration,
      knownHosts,
      keyPairs,
      signerName,
      issuer,
      group: config.group,
      tokenLifetimeSeconds: config.attestation.tokenLifetimeSeconds,
      challengeLifetimeSeconds: config.attestation.challengeLifetimeSeconds,
      hostIdsPerCertificate: config.attestation.hostIdsPerCertificate,
      ready: () => cluster.ready(),
    });
    closers.push(() => service.close());

    const issuers = new TrustedIssuers({
      context,
      store,
      group: config.group,
      tls: config.tls,
      cacheSeconds: config.kms.signingCertificateCacheSeconds,
      outageSeconds: config.kms.signingCertificateOutageSeconds,
    });
    closers.push(() => issuers.close());
    if (config.kms.trustOwnAttestation) {
      issuers.admitOwn({
        address: networkAddressOf(issuer),
        trusted_CA: chainOf(config.trustedCaPem),
        group: config.group,
      });
    }
    const providers = new Providers({
      context,
      store,
      keyPairs,
      primaryKeyCacheSeconds: config.kms.primaryKeyCacheSeconds,
    });
    closers.push(() => providers.close());
    const principals = new ConsumerPrincipals(context, store);
    await applyInitialConfiguration(config.initial, { configuration, issuers, providers, principals });
    const kmsRows = kmsOperations(kmsRooms(config, context, { store, issuers, providers, principals }));

    const attestationRows = attestationOperations({
      service,
      configuration,
      knownHosts,
      cluster,
      clock: context.clock,
      keyPairs,
      signerName,
    });
    const { name, administrators } = config;
    announceFaults(name, context, { operations: [...attestationRows, ...kmsRows].map((row) => row.name) });
    const routing: Omit<RouterOptions, 'metricsPrefix'> = { service: name, administrators, context };
    attestationDoor.open(
      operationListener(attestationRows, {
        ...routing,
        isMember: (certificate) => cluster.isMember(certificate),
        metricsPrefix: 'kpsim_attestation',
      }),
    );
    cluster.start();
    const kmsDoor = new Door();
    kmsDoor.open(
      operationListener(kmsRows, {
        ...routing,
        metricsPrefix: 'kpsim_kps',
      }),
    );
    const kms = await listen(config, config.kms.port, kmsDoor);
    closers.push(() => kms.close());
    return { store, configuration, cluster, attestation, kms, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the operations of the key provider service work on, besides what they share with the store. */
function kmsRooms(
  { group, kms: { leewaySeconds, requirePrincipal }, tls }: TrustAuthorityConfig,
  context: ServiceContext,
  rooms: Omit<ConfiguredKmsRooms, 'group'>,
): KmsRooms {
  const { store, issuers, providers, principals } = rooms;
  const configuration = new KmsConfiguration({ ...rooms, group });
  const keys = new KeyOperations({
    tokens: new TokenVerifier({ context, issuers, group, leewaySeconds }),
    principals: new PrincipalVerifier({ context, principals, group, leewaySeconds }),
    requirePrincipal,
    providers,
  });
  const ownFingerprint = (): string => configuration.applied().fingerprint;
  const cluster = new KmsCluster({ context, store, tls, ownFingerprint });
  return { keys, providers, issuers, principals, configuration, cluster };
}

function listen(config: TrustAuthorityConfig, port: number, { listener }: Door): Promise<HttpsServer> {
  return startHttpsServer({
    app: listener,
    waiting: listener,
    host: config.host,
    port,
    tls: { ...config.tls, clientCaPem: config.trustedCaPem, requestClientCertificate: 'optional' },
  });
}

function endpointOf(name: string, { url, host, port }: HttpsServer): Endpoint {
  return { name, url, host, port };
}
