import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import type { KmipClient } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import type { TestKms } from '../kms/harness.js';
import { startKms } from '../kms/harness.js';
import type { TestTrustAuthority, TrustPki } from './harness.js';

/** Starts a key server under the authority of the Trust Authority's tests. */
export async function startKeyServer(
  { authority }: TrustPki,
  config: Partial<KmsConfigInput> = {},
): Promise<TestKms> {
  return startKms(
    {
      authority,
      server: await authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
      east: await authority.issueClient({ commonName: 'vc-east' }),
      west: await authority.issueClient({ commonName: 'vc-west' }),
    },
    config,
  );
}

/** An active AES-256 key. */
export async function newPrimaryKey(administrator: KmipClient): Promise<string> {
  const id = await administrator.create();
  await administrator.activate(id);
  return id;
}

/** A provider to be made. */
export interface TestProvider {
  readonly provider: string;
  readonly masterKeyId: string;
  /** Ports on 127.0.0.1; the servers are named `server-1`, `server-2`, … */
  readonly ports: readonly number[];
  /** Seconds. */
  readonly connectionTimeout?: number;
  readonly username?: string;
}

/** Makes a provider whose client certificate the test authority signs. */
export async function makeProvider(
  { kms, pki }: TestTrustAuthority,
  { provider, masterKeyId, ports, connectionTimeout, username }: TestProvider,
): Promise<void> {
  const { providers } = kms;
  await providers.create({
    provider,
    master_key_id: masterKeyId,
    key_server: {
      type: 'KMIP',
      ...(connectionTimeout !== undefined && { connection_timeout: connectionTimeout }),
      kmip_server: {
        servers: ports.map((port, index) => ({
          name: `server-${index + 1}`,
          address: { hostname: '127.0.0.1', port },
        })),
        ...(username !== undefined && { username }),
      },
    },
  });
  const { certificatePem, privateKeyPem } = await pki.authority.issueClient({ commonName: provider });
  await providers.setClientCertificate(provider, { certificate: certificatePem, private_key: privateKeyPem });
  await providers.setServerCertificates(provider, [pki.authority.caPem]);
}

/** A port on 127.0.0.1 that refuses connections. */
export async function refusedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A relay in front of a port, which can be cut. */
export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Cuts every connection, and refuses new ones by ending them at once. */
  cut(): void;
}

/** Relays connections to a port. */
export async function startRelay(target: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((incoming) => {
    if (isCut) {
      incoming.destroy();
      return;
    }
    const outgoing = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [incoming, outgoing],
      [outgoing, incoming],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
