import { AdjustableClock } from '../../core/clock.js';
import { createContext } from '../../core/context.js';
import type { ServiceContext } from '../../core/context.js';
import { makeDataDir } from '../../core/data-dir.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { KmipClient } from '../../kms/client.js';
import type { KmipClientOptions } from '../../kms/client.js';
import { parseKmsConfig } from '../../kms/config.js';
import type { KmsConfigInput } from '../../kms/config.js';
import { KmsService } from '../../kms/service.js';

/** Certificates that a file's tests share: one authority, a server on 127.0.0.1, and two clients. */
export interface TestPki {
  readonly authority: CertificateAuthority;
  readonly server: KeyAndCertificate;
  readonly east: KeyAndCertificate;
  readonly west: KeyAndCertificate;
}

/** Makes {@link TestPki}. */
export async function makePki(): Promise<TestPki> {
  const authority = await CertificateAuthority.create({ commonName: 'test CA' });
  const [server, east, west] = await Promise.all([
    authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
    authority.issueClient({ commonName: 'vc-east' }),
    authority.issueClient({ commonName: 'vc-west' }),
  ]);
  return { authority, server, east, west };
}

/** A key server under test. */
export interface TestKms extends AsyncDisposable {
  readonly service: KmsService;
  readonly context: ServiceContext;
  readonly clock: AdjustableClock;
  readonly port: number;
  /** The HTTPS port; 0 if none is configured. */
  readonly httpsPort: number;
  /** A client of the CA, `vc-east` unless told; closed with the server. */
  client(options?: Partial<KmipClientOptions>, identity?: KeyAndCertificate): KmipClient;
  /** Stops the service but keeps its files. */
  stop(): Promise<void>;
}

/** Starts a key server on a free port with a data directory of its own. */
export async function startKms(
  pki: TestPki,
  config: Partial<KmsConfigInput> = {},
  overrides: Partial<ServiceContext> = {},
  expiredTwin?: () => string,
): Promise<TestKms> {
  const dataDir = await makeDataDir();
  const clock = new AdjustableClock();
  const context = createContext({ clock, ...overrides, dataDir: overrides.dataDir ?? dataDir.path });
  const service = new KmsService(
    parseKmsConfig({
      port: 0,
      tls: { certificatePem: pki.server.certificatePem, privateKeyPem: pki.server.privateKeyPem },
      trustedCaPem: pki.authority.caPem,
      ...config,
    }),
    context,
    expiredTwin,
  );
  const [endpoint, https] = await service.start();
  const port = endpoint!.port;
  const httpsPort = https?.port ?? 0;
  const clients: KmipClient[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    await service.stop();
  };
  return {
    service,
    context,
    clock,
    port,
    httpsPort,
    client(options = {}, identity = pki.east) {
      const client = new KmipClient({
        servers: [{ host: '127.0.0.1', port: options.https ? httpsPort : port }],
        tls: { ...identity, caPem: pki.authority.caPem },
        ...options,
      });
      clients.push(client);
      return client;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await dataDir.remove();
    },
  };
}
