import { setIdentity } from './kms-client-certificate.js';
import type { MemberServices } from './members.js';
import type { ProviderSecret } from './provider-secrets.js';

/** All that is set at the level of a Trust Authority cluster. */
export interface ClusterConfiguration {
  /** `raw-config` of an attestation service. */
  readonly attestation: string;
  /** `raw-config` of a key provider service. */
  readonly kms: string;
  /** By provider. */
  readonly secrets: ReadonlyMap<string, ProviderSecret>;
}

/** What a member has, with the secrets that it does not tell. @throws what its services refuse with */
export async function configurationOf(
  { attestation, kms }: MemberServices,
  secrets: ReadonlyMap<string, ProviderSecret>,
): Promise<ClusterConfiguration> {
  const [forAttestation, forKms] = await Promise.all([attestation.rawConfig(), kms.rawConfig()]);
  return { attestation: forAttestation.configuration, kms: forKms.configuration, secrets };
}

/** Makes a member what the others are; doing it twice does no harm. @throws what its services refuse with */
export async function bringUp(
  { attestation, kms }: MemberServices,
  configuration: ClusterConfiguration,
): Promise<void> {
  if ((await attestation.rawConfig()).configuration !== configuration.attestation)
    await attestation.replaceRawConfig(configuration.attestation);
  if ((await kms.rawConfig()).configuration !== configuration.kms)
    await kms.replaceRawConfig(configuration.kms);
  const there = new Set((await kms.providers.list()).map(({ provider }) => provider));
  for (const [provider, { identity, credential }] of configuration.secrets) {
    if (!there.has(provider)) continue; // it was deleted at the members
    if (identity) await setIdentity(kms, provider, identity);
    if (credential !== undefined) await kms.providers.setCredential(provider, credential);
  }
}
