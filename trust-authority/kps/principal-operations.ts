import { consumerPrincipalSpec } from '../../wire/attestation/index.js';
import { VapiError } from '../../core/http/index.js';
import { entitlementsSpec } from '../config.js';
import { jsonOperation, operation } from '../rest/operation.js';
import type { Operation, OperationRequest } from '../rest/operation.js';
import type { ConsumerPrincipals } from './consumer-principals.js';
import type { Providers } from './providers.js';

const PRINCIPALS = '/api/kpsim/kms/consumer-principals';
const ENTITLEMENTS = '/api/kpsim/kms/providers/:provider/entitlements';

/** What the operations of consumer principals work on. */
export interface PrincipalRooms {
  readonly principals: ConsumerPrincipals;
  readonly providers: Providers;
}

/**
 * Consumer principals of a key provider service and their entitlements. The fields are those of vCenter's
 * `consumer-principals`; VMware publishes no operations of the service itself, so that the paths are an own choice.
 */
export function principalOperations({ principals, providers }: PrincipalRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  return [
    operation({
      ...administrator,
      name: 'kms.consumer_principals.list',
      method: 'GET',
      path: PRINCIPALS,
      run: () => principals.list(),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.consumer_principals.create',
      method: 'POST',
      path: PRINCIPALS,
      status: 201,
      body: consumerPrincipalSpec,
      run: ({ body }) => principals.create(body),
    }),
    operation({
      ...administrator,
      name: 'kms.consumer_principals.get',
      method: 'GET',
      path: `${PRINCIPALS}/:profile`,
      run: (request) => principals.info(profileIn(request)),
    }),
    operation({
      ...administrator,
      name: 'kms.consumer_principals.delete',
      method: 'DELETE',
      path: `${PRINCIPALS}/:profile`,
      run: async (request) => {
        const { profile } = principals.info(profileIn(request));
        await providers.disentitle(profile);
        await principals.remove(profile);
      },
    }),
    operation({
      ...administrator,
      name: 'kms.providers.entitlements.get',
      method: 'GET',
      path: ENTITLEMENTS,
      run: ({ parameters }) => {
        const { entitledProfiles } = providers.get(parameters.provider ?? '');
        return entitledProfiles === undefined ? {} : { profiles: entitledProfiles };
      },
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.entitlements.set',
      method: 'PUT',
      path: ENTITLEMENTS,
      body: entitlementsSpec,
      run: async ({ parameters, body: { profiles } }) => {
        const unknown = profiles.find((profile) => !principals.has(profile));
        if (unknown !== undefined) {
          throw new VapiError(
            'INVALID_ARGUMENT',
            `profiles: there is no consumer principal ${unknown}. Register it first.`,
          );
        }
        await providers.entitle(parameters.provider ?? '', profiles);
      },
    }),
    operation({
      ...administrator,
      name: 'kms.providers.entitlements.clear',
      method: 'DELETE',
      path: ENTITLEMENTS,
      run: ({ parameters }) => providers.entitle(parameters.provider ?? '', undefined),
    }),
  ];
}

function profileIn({ parameters }: OperationRequest): string {
  return parameters.profile ?? '';
}
