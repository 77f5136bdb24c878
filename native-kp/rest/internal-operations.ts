import { healthOf } from '../provider/health.js';
import type { ProviderHealth } from '../provider/health.js';
import { suppliedHostsSchema } from '../supply/host.js';
import { operation, parameter } from './operation.js';
import type { Operation } from './operation.js';
import type { OperationParts } from './provider-operations.js';

/** A provider as its vCenter needs it to decide with, free of secrets. */
export interface InternalProvider {
  readonly provider: string;
  /** Id of the KDK. */
  readonly key_id: string;
  /** The same for two providers exactly when they share the KDK. */
  readonly fingerprint: string;
  /** Whether a backup was ever downloaded, before which the provider may not be used (EXT-2). */
  readonly has_backup: boolean;
  readonly tpm_required: boolean;
  readonly health: ProviderHealth;
}

/** What its own vCenter asks of the service, past the public API. Own choice. */
export function internalOperations({ providers, supply }: OperationParts): readonly Operation[] {
  return [
    operation({
      name: 'internal.hosts.set',
      method: 'put',
      path: '/internal/hosts',
      access: 'front-door',
      body: suppliedHostsSchema,
      run: async ({ body }) => {
        supply.setHosts(body);
        await supply.remediateBriefly();
      },
    }),
    {
      name: 'internal.remediate',
      method: 'post',
      path: '/internal/remediate',
      access: 'front-door',
      run: () => supply.remediate(),
    },
    {
      name: 'internal.providers.list',
      method: 'get',
      path: '/internal/providers',
      access: 'front-door',
      run: () =>
        Promise.all(
          providers.list().map(async (provider): Promise<InternalProvider> => {
            return {
              provider: provider.name,
              key_id: provider.keyId,
              fingerprint: await providers.fingerprint(provider.name),
              has_backup: provider.backup !== 'none',
              tpm_required: provider.tpmRequired,
              health: healthOf(provider, supply).health,
            };
          }),
        ),
    },
    {
      name: 'internal.providers.fingerprint',
      method: 'get',
      path: '/internal/providers/:provider/fingerprint',
      access: 'front-door',
      run: async (request) => {
        const { name, keyId } = providers.require(parameter(request, 'provider'));
        return { key_id: keyId, fingerprint: await providers.fingerprint(name) };
      },
    },
  ];
}
