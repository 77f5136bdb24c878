import { parsePemChain } from '../../core/pki/index.js';
import type { CertificateStore } from '../certificates.js';
import { clientCertificateFor } from '../client-certificate.js';
import type { LabHost } from '../services/host.js';
import type { LabKeyServer } from '../services/key-server.js';
import type { LabTrustAuthority } from '../services/trust-authority.js';
import { settleAll } from '../settle-all.js';

/**
 * Makes an attestation service trust what the hosts of the trusted clusters are made of: the maker of their TPMs
 * and the images that they boot. What broken hosts boot with is trusted too; it is their evidence that fails.
 */
export async function trustHosts(authority: LabTrustAuthority, hosts: readonly LabHost[]): Promise<void> {
  const attestation = await authority.attestation();
  await attestation.settings.update({ require_certificate_validation: true });
  const known = new Set((await attestation.caCertificates.list()).map(({ name }) => name));
  const platforms = (await settleAll(hosts.map(platformOf))).filter((one) => one !== undefined);
  for (const { maker, issuersPem } of platforms) {
    if (maker === undefined || known.has(maker)) continue;
    known.add(maker);
    await attestation.caCertificates.create({ name: maker, cert_chain: { cert_chain: [...issuersPem] } });
  }
  const images = new Map(platforms.map(({ image }) => [image.toString('base64'), image]));
  for (const image of images.values()) await attestation.baseImages.importFromImgdb(image);
}

/** What a host's evidence rests on; undefined for a host without a TPM. */
async function platformOf(host: LabHost): Promise<
  | {
      readonly maker: string | undefined;
      readonly issuersPem: readonly string[];
      /** `boot_imgdb.tgz`. */
      readonly image: Buffer;
    }
  | undefined
> {
  const client = await host.client();
  if (!(await client.about()).tpm.present) return undefined;
  const { issuersPem } = await client.tpmEndorsement();
  return { maker: makerOf(issuersPem), issuersPem, image: await client.bootImgdb() };
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
