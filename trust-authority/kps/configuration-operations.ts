import type { ClusterMembers } from '../cluster/members.js';
import { clusterSpec, rawConfigSpec } from '../config.js';
import { jsonOperation, operation } from '../rest/operation.js';
import type { Operation } from '../rest/operation.js';
import type { KmsConfiguration } from './configuration.js';

const RAW_CONFIG = '/api/esx/kms/raw-config';
const CLUSTER = '/api/kpsim/kms/cluster';

/** What the operations of the whole configuration work on. */
export interface ConfigurationRooms {
  readonly configuration: KmsConfiguration;
  readonly members: ClusterMembers;
}

/** The configuration as a whole, and its comparison within the cluster (own choice). */
export function configurationOperations({ configuration, members }: ConfigurationRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  return [
    operation({
      ...administrator,
      name: 'kms.raw_config.get',
      method: 'GET',
      path: RAW_CONFIG,
      run: () => configuration.applied(),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.raw_config.replace',
      method: 'PUT',
      path: RAW_CONFIG,
      body: rawConfigSpec,
      // Chains of certificates of many services and principals.
      maxJsonBytes: 16 * 1024 * 1024,
      run: ({ body }) => configuration.replace(body.configuration),
    }),
    operation({
      ...administrator,
      name: 'kms.cluster.get',
      method: 'GET',
      path: CLUSTER,
      run: () => members.state(),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.cluster.set',
      method: 'PUT',
      path: CLUSTER,
      body: clusterSpec,
      maxJsonBytes: 16 * 1024 * 1024,
      run: ({ body }) => members.set(body.members),
    }),
    operation({
      // The other services of the cluster ask with their own certificates, and a digest tells nobody anything.
      access: 'client',
      name: 'kms.cluster.fingerprint',
      method: 'GET',
      path: `${CLUSTER}/fingerprint`,
      run: () => ({ fingerprint: configuration.applied().fingerprint }),
    }),
  ];
}
