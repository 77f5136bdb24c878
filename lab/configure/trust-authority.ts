import { parsePemChain } from '../../core/pki/index.js';
import type { CertificateStore } from '../certificates.js';
import { clientCertificateFor } from '../client-certificate.js';
import type { LabHost } from '../services/host.js';
import type { LabKeyServer } from '../services/key-server.js';
import type { LabTrustAuthority } from '../services/trust-authority.js';

/**
 * Makes an attestation service trust what the hosts of the trusted clusters are made of: the maker of their TPMs
 * and the images that they boot. What broken hosts boot with is trusted too; it is their evidence that fails.
 */
export async function trustHosts(authority: LabTrustAuthority, hosts: readonly LabHost[]): Promise<void> {
  const attestation = await authority.attestation();
  await attestation.settings.update({ require_certificate_validation: true });
  const known = new Set((await attestation.caCertificates.list()).map(({ name }) => name));
  const images = new Set<string>();
  for (const host of hosts) {
    const client = await host.client();
    const { tpm } = await client.about();
    if (!tpm.present) continue;
    const { issuersPem } = await client.tpmEndorsement();
    const name = makerOf(issuersPem);
    if (name !== undefined && !known.has(name)) {
      await attestation.caCertificates.create({ name, cert_chain: { cert_chain: [...issuersPem] } });
      known.add(name);
    }
    const image = await client.bootImgdb();
    const content = image.toString('base64');
    if (!images.has(content)) await attestation.baseImages.importFromImgdb(image);
    images.add(content);
  }
}

/** A provider of the key provider service with its own primary key in the key servers. */
export async function configureTrustedKeyProvider(
  authority: LabTrustAuthority,
  provider: string,
  keyServers: readonly LabKeyServer[],
  certificates: CertificateStore,
): Promise<void> {
  const { providers } = await authority.keyProviderService();
  if ((await providers.list()).some((known) => known.provider === provider)) return;
  const [first] = keyServers;
  if (!first) return;
  await providers.create({
    provider,
    master_key_id: await newPrimaryKey(first, provider),
    key_server: {
      type: 'KMIP',
      kmip_server: {
        servers: keyServers.map(({ name, endpoint }) => ({
          name,
          address: { hostname: endpoint.host, port: endpoint.port },
        })),
      },
    },
  });
  const { csr } = await providers.createClientCertificateCsr(provider);
  const certificate = await clientCertificateFor(certificates.authority, csr, authority.name);
  await providers.setClientCertificate(provider, { certificate });
  await providers.setServerCertificates(provider, [certificates.caPem]);
}

/** The key under which the provider will wrap all others; the key server's administrator makes it. */
async function newPrimaryKey(keyServer: LabKeyServer, provider: string): Promise<string> {
  const client = await keyServer.client();
  const id = await client.create({ name: `primary key of ${provider}` });
  await client.activate(id);
  return id;
}

/** The name of a TPM maker's root, made fit to be a name in the service. */
function makerOf(issuersPem: readonly string[]): string | undefined {
  const [root] = issuersPem[0] === undefined ? [] : parsePemChain(issuersPem[0]);
  const name = root?.fingerprint256.replaceAll(':', '').slice(0, 16);
  return name === undefined ? undefined : `tpm-maker-${name.toLowerCase()}`;
}
