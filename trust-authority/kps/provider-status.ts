import { KpsimError, errorText } from '../../core/errors.js';
import type { KeyServerSpec, KeyServerStatus, KmsProviderStatus } from './client.js';

/** Details of a status that say more than that a server cannot be asked. */
const KEY_IS_GONE: ReadonlySet<string> = new Set([
  'kpsim.kms.WrappingKeyMissingInKMS',
  'kpsim.kms.WrappingKeyNotActiveOrEnabled',
]);

/** Health of a provider from that of its key servers: OK if all are, a warning if some are, otherwise an error. */
export function providerStatus(servers: readonly KeyServerStatus[]): KmsProviderStatus {
  const healthy = servers.filter(({ health }) => health === 'OK').length;
  const health = healthy === servers.length ? 'OK' : healthy > 0 ? 'WARNING' : 'ERROR';
  return { health, details: servers.flatMap((server) => server.details), servers };
}

/** Health of a provider none of whose key servers could be asked, because something is not set yet. */
export function unreachedStatus({ kmip_server }: KeyServerSpec, error: unknown): KmsProviderStatus {
  const code = error instanceof KpsimError ? error.code : 'unexpected';
  const details = [{ id: `kpsim.kms.${code}`, default_message: errorText(error), args: [] }];
  const unknown = {
    health: 'ERROR',
    details,
    client_trust_server: false,
    server_trust_client: false,
  } as const;
  const servers = (kmip_server?.servers ?? []).map(({ name }) => ({ name, ...unknown }));
  return { health: 'ERROR', details, servers };
}

/** True if a key server has answered that the primary key is missing or not active. */
export function saysKeyIsGone({ details }: KmsProviderStatus): boolean {
  return details.some(({ id }) => KEY_IS_GONE.has(id));
}
