import type { VcenterClient } from '../../vcenter/client.js';
import type { CertificateStore } from '../certificates.js';
import { clientCertificateFor } from '../client-certificate.js';
import type { LabKeyServer } from '../services/key-server.js';
import type { LabVcenter } from '../services/vcenter.js';

const MANAGER = ['CryptoManagerKmip', 'CryptoManager'] as const;

/**
 * Registers key servers with a vCenter as one standard key provider, and makes both sides trust each other: the
 * vCenter's request for a client certificate is signed by the lab's authority, and the servers' certificates are
 * uploaded after they were looked at.
 */
export async function configureStandardProvider(
  vcenter: LabVcenter,
  provider: { readonly name: string; readonly default: boolean },
  keyServers: readonly LabKeyServer[],
  certificates: CertificateStore,
): Promise<void> {
  const client = await vcenter.client();
  const clusterId = { _typeName: 'KeyProviderId' as const, id: provider.name };
  if (await isKnown(client, provider.name)) return;
  for (const { name, endpoint } of keyServers) {
    const info = {
      _typeName: 'KmipServerInfo' as const,
      name,
      address: endpoint.host,
      port: endpoint.port,
    };
    await client.invoke(...MANAGER, 'RegisterKmipServer', {
      server: { _typeName: 'KmipServerSpec', clusterId, info },
    });
    const { certificate } = await client.invoke(...MANAGER, 'RetrieveKmipServerCert', {
      keyProvider: clusterId,
      server: info,
    });
    await client.invoke(...MANAGER, 'UploadKmipServerCert', { cluster: clusterId, certificate });
  }
  const request = await client.invoke(...MANAGER, 'GenerateClientCsr', {
    cluster: clusterId,
    request: { _typeName: 'CryptoManagerKmipCertSignRequest', commonName: vcenter.name },
  });
  const certificate = await clientCertificateFor(certificates.authority, request, vcenter.name);
  await client.invoke(...MANAGER, 'UpdateKmsSignedCsrClientCert', { cluster: clusterId, certificate });
  if (provider.default) await client.invoke(...MANAGER, 'MarkDefault', { clusterId });
}

/** Whether a vCenter has a key provider of that name, of whatever kind. */
export async function isKnown(client: VcenterClient, provider: string): Promise<boolean> {
  const clusters = await client.invoke(...MANAGER, 'ListKmsClusters', { includeKmsServers: false });
  return clusters?.some(({ clusterId }) => clusterId.id === provider) ?? false;
}
