import { clusterSpec } from '../../config.js';
import { jsonOperation, operation } from '../../rest/operation.js';
import type { Operation } from '../../rest/operation.js';
import type { AttestationConfiguration } from '../configuration.js';
import type { KnownHosts } from '../known-hosts.js';
import { MAX_RAW_CONFIGURATION_CHARACTERS } from '../raw-configuration.js';
import type { AttestationCluster } from './cluster.js';
import { HOSTS_A_MESSAGE, hostPageSpec, replicatedConfiguration, toldHosts } from './messages.js';

const ROOT = '/api/kpsim/attestation/cluster';

/** What the operations of a cluster work on. */
export interface ClusterRooms {
  readonly cluster: AttestationCluster;
  readonly configuration: AttestationConfiguration;
  readonly knownHosts: KnownHosts;
}

/** REST operations of a cluster of attestation services: for administrators, and among its members. Own choice. */
export function clusterOperations({
  cluster,
  configuration,
  knownHosts,
}: ClusterRooms): readonly Operation[] {
  return [
    operation({
      name: 'attestation.cluster.get',
      method: 'GET',
      path: ROOT,
      access: 'administrator',
      run: () => cluster.info(),
    }),
    jsonOperation({
      name: 'attestation.cluster.set',
      method: 'PUT',
      path: ROOT,
      access: 'administrator',
      body: clusterSpec,
      run: ({ body }) => cluster.set(body),
    }),
    operation({
      name: 'attestation.cluster.state.get',
      method: 'GET',
      path: `${ROOT}/state`,
      access: 'member',
      run: ({ client }) => {
        cluster.heardOf(client.certificateSha256);
        return cluster.state();
      },
    }),
    operation({
      name: 'attestation.cluster.configuration.get',
      method: 'GET',
      path: `${ROOT}/configuration`,
      access: 'member',
      run: () => configuration.applied(),
    }),
    jsonOperation({
      name: 'attestation.cluster.configuration.replace',
      method: 'PUT',
      path: `${ROOT}/configuration`,
      access: 'member',
      body: replicatedConfiguration,
      // JSON in a JSON string: quotes are escaped.
      maxJsonBytes: 2 * MAX_RAW_CONFIGURATION_CHARACTERS,
      run: ({ body }) => cluster.receive(body),
    }),
    jsonOperation({
      name: 'attestation.cluster.hosts.list',
      method: 'POST',
      path: `${ROOT}/hosts`,
      action: 'list',
      access: 'member',
      body: hostPageSpec,
      run: ({ body }) => ({
        hosts: knownHosts.page(body.after, HOSTS_A_MESSAGE).map(([host, entry]) => ({ host, entry })),
      }),
    }),
    jsonOperation({
      name: 'attestation.cluster.hosts.merge',
      method: 'POST',
      path: `${ROOT}/hosts`,
      action: 'merge',
      access: 'member',
      body: toldHosts,
      run: async ({ body }) => {
        const records = await cluster.hosts.hear(body.hosts);
        return { records: records.map((record) => record ?? null) };
      },
    }),
  ];
}
