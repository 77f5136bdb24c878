import { serviceVariable } from './client-variables.js';
import { LAB_ADMINISTRATOR } from './ground.js';
import type { Lab } from './lab.js';
import { ADMINISTRATOR } from './services/vcenter.js';

/** A variable for a client, with its value. */
export type ClientVariable = readonly [name: string, value: string];

/**
 * What clients need to reach a lab, as environment variables: each service's with its name appended, and those of
 * the first of each kind by the plain name as well, for clients that know one only.
 */
export async function clientEnvironment(lab: Lab): Promise<readonly ClientVariable[]> {
  const { caPath, certificatePath, privateKeyPath } = await lab.certificates.client(LAB_ADMINISTRATOR);
  const { keyServers, trustAuthorities, vcenters, hosts } = lab.services;
  return [
    ['KPSIM_DATA_DIR', lab.dataDir],
    ['KPSIM_CA_CERT', caPath],
    ['KPSIM_CLIENT_CERT', certificatePath],
    ['KPSIM_CLIENT_KEY', privateKeyPath],
    ...(lab.admin ? [['KPSIM_ADMIN_URL', lab.admin.url] as const] : []),
    ...keyServers.flatMap(({ name, endpoint }, index) => [
      ...variablesOf('KPSIM_KMIP_HOST', name, index, endpoint.host),
      ...variablesOf('KPSIM_KMIP_PORT', name, index, String(endpoint.port)),
    ]),
    ...trustAuthorities.flatMap(({ name, attestationEndpoint, keyProviderEndpoint }, index) => [
      ...variablesOf('KPSIM_ATTESTATION_URL', name, index, attestationEndpoint.url),
      ...variablesOf('KPSIM_KEY_PROVIDER_SERVICE_URL', name, index, keyProviderEndpoint.url),
    ]),
    ...vcenters.flatMap((vcenter, index) => [
      ...variablesOf('GOVC_URL', vcenter.name, index, vcenter.endpoint.url),
      ...variablesOf('GOVC_USERNAME', vcenter.name, index, ADMINISTRATOR),
      ...variablesOf('GOVC_PASSWORD', vcenter.name, index, vcenter.credential().password),
    ]),
    ...hosts.flatMap(({ name, endpoint }, index) => variablesOf('KPSIM_HOST_URL', name, index, endpoint.url)),
    ...(vcenters.length > 0 ? [['GOVC_TLS_CA_CERTS', caPath] as const] : []),
  ];
}

/** One variable of a service, by its own name; of the first service by the plain name too. */
function variablesOf(variable: string, name: string, index: number, value: string): ClientVariable[] {
  const own: ClientVariable = [serviceVariable(variable, name), value];
  return index === 0 ? [[variable, value], own] : [own];
}

/** The variables as lines for a POSIX shell: `export NAME='value'`. */
export function exportLines(variables: readonly ClientVariable[]): readonly string[] {
  return variables.map(([name, value]) => `export ${name}=${shellQuoted(value)}`);
}

function shellQuoted(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
