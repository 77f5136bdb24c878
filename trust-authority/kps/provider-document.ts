import type { KeyServerSpec, KmsProviderCreateSpec } from './client.js';

/** Most trusted key providers; vSphere allows 32 providers of all kinds. */
export const PROVIDER_LIMIT = 32;
/** Former primary keys of a provider whose wrapped keys can still be unwrapped. */
export const FORMER_KEY_LIMIT = 64;

/** A provider as it is stored. */
export interface ProviderDocument extends KmsProviderCreateSpec {
  readonly serverCertificates: readonly string[];
  readonly formerMasterKeyIds: readonly string[];
  /** Profiles of the consumer principals that may use it; all that are registered, if the list is missing. */
  readonly entitledProfiles?: readonly string[] | undefined;
}

/** Changes to a provider; what is missing or undefined stays. */
export interface ProviderChange {
  readonly master_key_id?: string | undefined;
  readonly key_server?:
    { readonly [Field in keyof KeyServerSpec]?: KeyServerSpec[Field] | undefined } | undefined;
}
