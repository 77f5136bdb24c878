import { clusterSpec, rawConfigSpec } from '../config.js';
import { jsonOperation, operation } from '../rest/operation.js';
import type { Operation } from '../rest/operation.js';
import type { KmsCluster } from './cluster.js';
import type { KmsConfiguration } from './configuration.js';

const RAW_CONFIG = '/api/esx/kms/raw-config';
const CLUSTER = '/api/kpsim/kms/cluster';

/** What the operations of the whole configuration work on. */
export interface ConfigurationRooms {
  readonly configuration: KmsConfiguration;
  readonly cluster: KmsCluster;
}

/** The configuration as a whole, and its comparison within the cluster (own choice). */
export function configurationOperations({ configuration, cluster }: ConfigurationRooms): Operation[] {
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
      run: ({ body }) => configuration.replace(body),
    }),
    operation({
      ...administrator,
      name: 'kms.cluster.get',
      method: 'GET',
      path: CLUSTER,
      run: () => cluster.info(),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.cluster.set',
      method: 'PUT',
      path: CLUSTER,
      // Configurations are not sent on; they are compared, and taken over with PUT raw-config.
      body: clusterSpec.omit({ replicate: true }),
      maxJsonBytes: 16 * 1024 * 1024,
      run: ({ body }) => cluster.set(body.members),
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
