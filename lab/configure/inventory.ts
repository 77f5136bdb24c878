import type { VcenterClient } from '../../vcenter/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { LabHost } from '../services/host.js';
import type { LabVcenter } from '../services/vcenter.js';
import { settleAll } from '../settle-all.js';
import type { VcenterSpec } from '../topology/index.js';

/** Makes the datacenter, the clusters and the hosts of a vCenter, as far as they are not there yet. */
export async function configureInventory(
  vcenter: LabVcenter,
  spec: VcenterSpec,
  hosts: readonly LabHost[],
): Promise<void> {
  const client = await vcenter.client();
  const hostFolder = await datacenterHostFolder(vcenter, client);
  await settleAll([
    ...spec.clusters.map(async ({ name }) => {
      const cluster = await clusterNamed(vcenter, client, hostFolder, name);
      const members = hosts.filter((one) => one.cluster === name);
      await settleAll(
        members.map((host) =>
          addHost(client, host, (connect) =>
            client.run('ClusterComputeResource', cluster.value, 'AddHost_Task', {
              spec: connect,
              asConnected: true,
            }),
          ),
        ),
      );
    }),
    ...hosts
      .filter(({ cluster }) => cluster === undefined)
      .map((host) =>
        addHost(client, host, (connect) =>
          client.run('Folder', hostFolder, 'AddStandaloneHost_Task', { spec: connect, addConnected: true }),
        ),
      ),
  ]);
}

async function datacenterHostFolder(vcenter: LabVcenter, client: VcenterClient): Promise<string> {
  const { rootFolder } = await client.serviceContent();
  const datacenter =
    (await vcenter.find(vcenter.datacenterName)) ??
    (await client.invoke('Folder', rootFolder.value, 'CreateDatacenter', { name: vcenter.datacenterName }));
  return (await client.property('Datacenter', datacenter.value, 'hostFolder')).value;
}

async function clusterNamed(
  vcenter: LabVcenter,
  client: VcenterClient,
  hostFolder: string,
  name: string,
): Promise<ManagedObjectReference> {
  return (
    (await vcenter.find(`${vcenter.datacenterName}/host/${name}`)) ??
    (await client.invoke('Folder', hostFolder, 'CreateClusterEx', {
      name,
      spec: { _typeName: 'ClusterConfigSpecEx' },
    }))
  );
}

type HostConnectSpec = Parameters<
  typeof VcenterClient.prototype.run<'Folder', 'AddStandaloneHost_Task'>
>[3]['spec'];

async function addHost(
  client: VcenterClient,
  { name, endpoint }: LabHost,
  add: (spec: HostConnectSpec) => Promise<unknown>,
): Promise<void> {
  const known = await client.invoke('SearchIndex', 'SearchIndex', 'FindByDnsName', {
    dnsName: name,
    vmSearch: false,
  });
  if (known) {
    await reconnect(client, known.value);
    return;
  }
  await add({ _typeName: 'HostConnectSpec', hostName: endpoint.host, port: endpoint.port, force: false });
}

/** A vCenter that came up before its host asks again only after a while; a host that a user disconnected stays so. */
async function reconnect(client: VcenterClient, host: string): Promise<void> {
  const { connectionState } = await client.property('HostSystem', host, 'runtime');
  if (connectionState === 'notResponding') await client.run('HostSystem', host, 'ReconnectHost_Task', {});
}
