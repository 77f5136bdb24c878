/** Variables that `kpsim up` exports for clients under names of its own; none of them is a setting. */
const CLIENT_VARIABLES = [
  'KPSIM_DATA_DIR',
  'KPSIM_CA_CERT',
  'KPSIM_CLIENT_CERT',
  'KPSIM_CLIENT_KEY',
  'KPSIM_KMIP_HOST',
  'KPSIM_KMIP_PORT',
  'KPSIM_ATTESTATION_URL',
  'KPSIM_KEY_PROVIDER_SERVICE_URL',
  'KPSIM_HOST_URL',
  'KPSIM_ADMIN_URL',
] as const;

/** The variable of one service: its kind's name with the service's name appended, for example `KPSIM_HOST_URL_ESX_1`. */
export function serviceVariable(variable: string, service: string): string {
  return `${variable}_${service.toUpperCase().replaceAll('-', '_')}`;
}

/** Whether a variable is one that `kpsim up` exports, by its plain name or with a service's name appended. */
export function isClientVariable(name: string): boolean {
  return CLIENT_VARIABLES.some((variable) => name === variable || name.startsWith(`${variable}_`));
}
