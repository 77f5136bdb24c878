import { parsePemChain } from '../../core/pki/index.js';
import type { TpmVendor } from '../../host-agent/tpm/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import type { CertificateStore } from '../certificates.js';
import { clientCertificateFor } from '../client-certificate.js';
import type { LabHost } from '../services/host.js';
import type { LabKeyServer } from '../services/key-server.js';
import type { LabTrustAuthority } from '../services/trust-authority.js';
import { settleAll } from '../settle-all.js';

/**
 * Makes an attestation service trust what the hosts of the trusted clusters are made of: the maker of their TPMs, with
 * what that maker has revoked, and the images that they boot. What broken hosts boot with is trusted too; it is their
 * evidence that fails.
 */
export async function trustHosts(
  authority: LabTrustAuthority,
  hosts: readonly LabHost[],
  vendor: TpmVendor,
): Promise<void> {
  const attestation = await authority.attestation();
  await attestation.settings.update({ require_certificate_validation: true });
  const known = new Set((await attestation.caCertificates.list()).map(({ name }) => name));
  const platforms = (await settleAll(hosts.map(platformOf))).filter((one) => one !== undefined);
  for (const chain of platforms.flatMap(({ issuersPem }) => chainsOf(issuersPem, vendor))) {
    const name = makerOf(chain.issuersPem);
    if (name === undefined || known.has(name)) continue;
    known.add(name);
    const { issuersPem, crls } = chain;
    await attestation.caCertificates.create({
      name,
      cert_chain: { cert_chain: [...issuersPem] },
      ...(crls && { crls }),
    });
  }
  const images = new Map(platforms.map(({ image }) => [image.toString('base64'), image]));
  for (const image of images.values()) await attestation.baseImages.importFromImgdb(image);
}

interface MakerChain {
  readonly issuersPem: readonly string[];
  readonly crls?: readonly string[];
}

/**
 * The authorities to import for a TPM with these issuers. Of the lab's own maker both authorities are imported, with
 * the list that revokes one of them, so that a revoked certificate is known as such; TPMs of earlier runs come with
 * their chain alone.
 */
function chainsOf(
  issuersPem: readonly string[],
  { root, issuing, revoked, crlPem }: TpmVendor,
): MakerChain[] {
  if (issuersPem[0]?.trim() !== root.caPem.trim()) return issuersPem.length === 0 ? [] : [{ issuersPem }];
  return [issuing, revoked].map(({ caPem }) => ({ issuersPem: [root.caPem, caPem], crls: [crlPem] }));
}

/** Trust Authorities of one cluster: their attestation services know each other, and their key provider services all of them. */
export async function joinTrustAuthorities(
  authorities: readonly LabTrustAuthority[],
  certificates: CertificateStore,
): Promise<void> {
  if (authorities.length < 2) return;
  await settleAll(
    authorities.map(async (authority) => {
      const others = authorities.filter((other) => other !== authority);
      const attestation = await authority.attestation();
      await attestation.cluster.set({ members: await settleAll(others.map((other) => other.asMember())) });
      const { attestationServices } = await authority.keyProviderService();
      const known = new Set((await attestationServices.list()).map(({ address }) => httpsUrlOf(address)));
      for (const { attestationEndpoint, group } of others) {
        const address = networkAddressOf(attestationEndpoint.url);
        if (known.has(httpsUrlOf(address))) continue;
        await attestationServices.register({
          address,
          trusted_CA: { cert_chain: [certificates.caPem] },
          group,
        });
      }
    }),
  );
}

/** What a host's evidence rests on; undefined for a host without a TPM. */
async function platformOf(host: LabHost): Promise<
  | {
      readonly issuersPem: readonly string[];
      /** `boot_imgdb.tgz`. */
      readonly image: Buffer;
    }
  | undefined
> {
  const client = await host.client();
  if (!(await client.about()).tpm.present) return undefined;
  const { issuersPem } = await client.tpmEndorsement();
  return { issuersPem, image: await client.bootImgdb() };
}

/** A provider of the key provider services of one cluster, with its own primary key in the key servers. */
export async function configureTrustedKeyProvider(
  authorities: readonly LabTrustAuthority[],
  provider: string,
  keyServers: readonly LabKeyServer[],
  certificates: CertificateStore,
): Promise<void> {
  const [first] = keyServers;
  if (!first) return;
  const known = await settleAll(authorities.map((authority) => knownPrimaryKey(authority, provider)));
  const primaryKey = known.find((id) => id !== undefined) ?? (await newPrimaryKey(first, provider));
  await settleAll(
    authorities.map(async (authority, index) => {
      if (known[index] !== undefined) return;
      await makeProvider(authority, provider, primaryKey, keyServers, certificates);
    }),
  );
}

/** The primary key of a provider that a service has; undefined if it does not have the provider. */
async function knownPrimaryKey(authority: LabTrustAuthority, provider: string): Promise<string | undefined> {
  const { providers } = await authority.keyProviderService();
  const isThere = (await providers.list()).some((known) => known.provider === provider);
  return isThere ? (await providers.get(provider)).master_key_id : undefined;
}

async function makeProvider(
  authority: LabTrustAuthority,
  provider: string,
  primaryKey: string,
  keyServers: readonly LabKeyServer[],
  certificates: CertificateStore,
): Promise<void> {
  const { providers } = await authority.keyProviderService();
  await providers.create({
    provider,
    master_key_id: primaryKey,
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

/** The name of the authority that a TPM maker's chain ends with, made fit to be a name in the service. */
function makerOf(issuersPem: readonly string[]): string | undefined {
  const last = issuersPem.at(-1);
  const [issuer] = last === undefined ? [] : parsePemChain(last);
  const name = issuer?.fingerprint256.replaceAll(':', '').slice(0, 16);
  return name === undefined ? undefined : `tpm-maker-${name.toLowerCase()}`;
}
