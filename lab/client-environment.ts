/** Variables that `kpsim up` exports for clients under names of its own; none of them is a setting. */
export const CLIENT_VARIABLES = [
  'KPSIM_DATA_DIR',
  'KPSIM_CA_CERT',
  'KPSIM_CLIENT_CERT',
  'KPSIM_CLIENT_KEY',
  'KPSIM_KMIP_HOST',
  'KPSIM_KMIP_PORT',
  'KPSIM_ATTESTATION_URL',
  'KPSIM_KEY_PROVIDER_SERVICE_URL',
  'KPSIM_ADMIN_URL',
] as const;

/** Name of a variable of {@link CLIENT_VARIABLES}. */
export type ClientVariable = (typeof CLIENT_VARIABLES)[number];
