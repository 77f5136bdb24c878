import { httpsUrlOf } from '../wire/attestation/index.js';
import type { AttestationConfiguration } from './attestation/configuration.js';
import type { TrustAuthorityConfig } from './config.js';
import { profileOf } from './kps/consumer-principals.js';
import type { ConsumerPrincipals } from './kps/consumer-principals.js';
import type { Providers } from './kps/providers.js';
import type { TrustedIssuers } from './kps/trusted-issuers.js';

/** What an initial configuration is applied to. */
export interface ConfiguredRooms {
  readonly configuration: AttestationConfiguration;
  readonly issuers: TrustedIssuers;
  readonly providers: Providers;
  readonly principals: ConsumerPrincipals;
}

/** Adds what a configuration file names and the store does not have yet; what is there stays as administrators left it. */
export async function applyInitialConfiguration(
  initial: TrustAuthorityConfig['initial'],
  { configuration, issuers, providers, principals }: ConfiguredRooms,
): Promise<void> {
  if (initial.settings && !configuration.wasEverSet) await configuration.updateSettings(initial.settings);
  for (const { crls, ...info } of initial.caCertificates) {
    if (configuration.authorityNames().includes(info.name)) continue;
    await configuration.importAuthority({ ...info, ...(crls && { crls }) });
  }
  for (const { name, public_key, certificate } of initial.endorsementKeys) {
    if (configuration.endorsementKeyNames().includes(name)) continue;
    await configuration.registerEndorsementKey({
      name,
      ...(public_key !== undefined && { public_key }),
      ...(certificate !== undefined && { certificate }),
    });
  }
  for (const imgdb of initial.baseImages) {
    await configuration.baseImages.importFromImgdb(Buffer.from(imgdb, 'base64'));
  }
  const known = new Set(issuers.list().map(({ address }) => httpsUrlOf(address)));
  for (const info of initial.attestationServices) {
    if (!known.has(httpsUrlOf(info.address))) await issuers.register(info);
  }
  for (const spec of initial.consumerPrincipals) {
    if (!principals.has(profileOf(spec))) await principals.create(spec);
  }
  for (const { clientCertificate, serverCertificates, password, ...spec } of initial.providers) {
    if (providers.has(spec.provider)) continue;
    await providers.create(spec);
    if (clientCertificate) {
      const { certificate, private_key } = clientCertificate;
      await providers.setClientCertificate(spec.provider, certificate, private_key);
    }
    if (serverCertificates) await providers.setServerCertificates(spec.provider, serverCertificates);
    if (password !== undefined) await providers.setCredential(spec.provider, password);
  }
}
