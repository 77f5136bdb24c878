import { KmipClient } from '../../kms/client.js';
import type { KeyProviderServiceClient } from '../../trust-authority/client.js';

/** A key server, and the certificate with which its owner and the provider come to it. */
export interface ProviderGround {
  readonly provider: string;
  readonly keyServerPort: number;
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Makes a primary key on a key server, and a provider that uses it. @returns the primary key; secret */
export async function makeProvider(
  kms: KeyProviderServiceClient,
  { provider, keyServerPort, caPem, certificatePem, privateKeyPem }: ProviderGround,
): Promise<Buffer> {
  const address = { hostname: '127.0.0.1', port: keyServerPort };
  const keyServer = new KmipClient({
    servers: [{ host: address.hostname, port: address.port }],
    tls: { certificatePem, privateKeyPem, caPem },
  });
  try {
    const primary = await keyServer.create();
    await keyServer.activate(primary);
    await kms.providers.create({
      provider,
      master_key_id: primary,
      key_server: { type: 'KMIP', kmip_server: { servers: [{ name: 'kms-1', address }] } },
    });
    await kms.providers.setClientCertificate(provider, {
      certificate: certificatePem,
      private_key: privateKeyPem,
    });
    await kms.providers.setServerCertificates(provider, [caPem]);
    return (await keyServer.get(primary)).keyBytes;
  } finally {
    await keyServer.close();
  }
}
