import { VapiError, validate } from '../../core/http/index.js';
import type { ProviderSummary } from '../client.js';
import type { Downloads } from '../backup/downloads.js';
import { healthOf } from '../provider/health.js';
import type { Providers } from '../provider/providers.js';
import type { ProviderRecord } from '../store.js';
import type { HostSupply } from '../supply/host-supply.js';
import { operation, parameter } from './operation.js';
import type { Operation } from './operation.js';
import { createSpec, exportSpec, filterQuery, importSpec, updateSpec } from './schemas.js';

/** What the operations work with. */
export interface OperationParts {
  readonly providers: Providers;
  readonly supply: HostSupply;
  readonly downloads: Downloads;
}

const PROVIDERS = '/api/vcenter/crypto-manager/kms/providers';
const MANAGE = 'Cryptographer.ManageKeyServers';
const READ = 'Cryptographer.ReadKeyServersInfo';

/** `com.vmware.vcenter.crypto_manager.kms.providers` of the vSphere Automation API. */
export function providerOperations({ providers, supply, downloads }: OperationParts): readonly Operation[] {
  const announce = async (provider: string): Promise<void> => {
    supply.changed(provider);
    downloads.forget(provider);
    await supply.remediateBriefly();
  };
  return [
    {
      name: 'kms.providers.list',
      method: 'get',
      path: PROVIDERS,
      access: READ,
      run: ({ query }) => {
        const filter = validate(filterQuery, query, 'The query');
        return providers
          .list()
          .map((provider) => summaryOf(provider, supply))
          .filter(({ provider, health }) => {
            return (
              (!filter.providers?.length || filter.providers.includes(provider)) &&
              (!filter.health?.length || filter.health.includes(health))
            );
          });
      },
    },
    operation({
      name: 'kms.providers.create',
      method: 'post',
      path: PROVIDERS,
      access: MANAGE,
      body: createSpec,
      run: async ({ body }) => {
        providers.create({
          name: body.provider,
          tpmRequired: body.constraints?.tpm_required ?? false,
          keyId: body.native_spec?.key_id,
          kdk: body.native_spec?.key_derivation_key,
        });
        await announce(body.provider);
      },
    }),
    operation({
      name: 'kms.providers.export',
      method: 'post',
      path: PROVIDERS,
      action: 'export',
      access: MANAGE,
      body: exportSpec,
      run: async ({ body, publicUrl, corrupted }) => {
        const { name, keyId } = providers.require(body.provider);
        if (publicUrl === undefined) {
          throw new VapiError('ERROR', 'The address of this vCenter is not known; set publicUrl.');
        }
        const file = await providers.export(name, body.password, corrupted);
        const { token, expiry } = await downloads.offer({ provider: name, keyId, file });
        return {
          type: 'LOCATION',
          location: {
            url: `${publicUrl}/cryptomanager/kms/${encodeURIComponent(name)}`,
            download_token: { token, expiry: expiry.toISOString() },
          },
        };
      },
    }),
    operation({
      name: 'kms.providers.import',
      method: 'post',
      path: PROVIDERS,
      action: 'import',
      access: MANAGE,
      body: importSpec,
      run: async ({ body }) => {
        const dryRun = body.dry_run ?? false;
        const imported = await providers.import(body.config, body.password, {
          tpmRequired: body.constraints?.tpm_required,
          dryRun,
        });
        if (!dryRun) await announce(imported.provider);
        return {
          provider: imported.provider,
          type: 'NATIVE',
          native_info: { key_id: imported.keyId },
          export_time: imported.exportTime.toISOString(),
          constraints: { tpm_required: imported.tpmRequired },
        };
      },
    }),
    {
      name: 'kms.providers.get',
      method: 'get',
      path: `${PROVIDERS}/:provider`,
      access: READ,
      run: (request) => {
        const provider = providers.require(parameter(request, 'provider'));
        return {
          ...healthOf(provider, supply),
          constraints: { tpm_required: provider.tpmRequired },
          type: 'NATIVE',
          native_info: { key_id: provider.keyId },
        };
      },
    },
    operation({
      name: 'kms.providers.update',
      method: 'patch',
      path: `${PROVIDERS}/:provider`,
      access: MANAGE,
      body: updateSpec,
      run: async (request) => {
        const { name } = providers.require(parameter(request, 'provider'));
        const keyId = request.body.native_spec?.key_id;
        if (keyId === undefined) return;
        providers.changeKeyId(name, keyId);
        await announce(name);
      },
    }),
    {
      name: 'kms.providers.delete',
      method: 'delete',
      path: `${PROVIDERS}/:provider`,
      access: MANAGE,
      run: async (request) => {
        const name = parameter(request, 'provider');
        providers.remove(name);
        await announce(name);
      },
    },
  ];
}

function summaryOf(provider: ProviderRecord, supply: HostSupply): ProviderSummary {
  return { provider: provider.name, type: 'NATIVE', health: healthOf(provider, supply).health };
}
