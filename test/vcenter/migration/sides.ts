import type { HostAgentConfigInput, PlatformParts } from '../../../host-agent/index.js';
import type { VcenterConfigInput } from '../../../vcenter/index.js';
import type { RunningHost, RunningKms, RunningVcenter, Site } from '../site.js';
import { ADMINISTRATOR, PASSWORD, addCluster, addDatacenter, addHost, ref } from '../site.js';

/** One vCenter with one host in one cluster. */
export interface Side {
  readonly vc: RunningVcenter;
  readonly esx: RunningHost;
  /** Moids. */
  readonly host: string;
  readonly cluster: string;
  readonly pool: string;
  readonly folder: string;
  readonly hostFolder: string;
}

/** What a side has besides. */
export interface SideWish {
  /** Registered as standard provider `skp-1`. */
  readonly kms?: RunningKms;
  /** Starts a native key provider service behind the vCenter. */
  readonly native?: boolean;
  readonly vcenter?: Partial<VcenterConfigInput>;
  readonly host?: Partial<HostAgentConfigInput>;
  readonly parts?: PlatformParts;
}

export async function startSide(site: Site, name: string, wish: SideWish = {}): Promise<Side> {
  const nativeKeyProviderUrl = wish.native === true ? await site.startNativeKp(`vc-${name}`) : undefined;
  const [vc, esx] = await Promise.all([
    site.startVcenter(`vc-${name}`, { nativeKeyProviderUrl, ...wish.vcenter }),
    site.startHost(`esx-${name}`, wish.host, wish.parts),
  ]);
  if (wish.kms) await site.addStandardProvider(vc, 'skp-1', wish.kms);
  const { vmFolder: folder, hostFolder } = await addDatacenter(vc);
  const { cluster, pool } = await addCluster(vc, { vmFolder: folder, hostFolder }, name);
  const host = await addHost(vc, cluster, esx);
  return { vc, esx, host, cluster, pool, folder, hostFolder };
}

/** The other side as a source's RelocateSpec names it. */
export function locate(
  { vc, host, pool, folder }: Pick<Side, 'vc' | 'host' | 'pool' | 'folder'>,
  user = ADMINISTRATOR,
  password = PASSWORD,
) {
  return {
    _typeName: 'VirtualMachineRelocateSpec',
    service: {
      _typeName: 'ServiceLocator',
      instanceUuid: vc.instanceUuid,
      url: vc.url,
      credential: { _typeName: 'ServiceLocatorNamePassword', username: user, password },
    },
    host: ref('HostSystem', host),
    pool: ref('ResourcePool', pool),
    folder: ref('Folder', folder),
  } as const;
}

/** Makes a native provider and downloads its backup, without which it may not be used. */
export async function addNativeProvider({ client }: RunningVcenter, provider: string): Promise<Buffer> {
  await client.rest('POST', '/api/vcenter/crypto-manager/kms/providers', { provider });
  return backUp({ client }, provider);
}

/** Exports a native provider and downloads the file by its token, without a session. */
export async function backUp({ client }: Pick<RunningVcenter, 'client'>, provider: string): Promise<Buffer> {
  const path = '/api/vcenter/crypto-manager/kms/providers?action=export';
  const { location } = (await client.rest('POST', path, { provider })) as {
    location: { url: string; download_token: { token: string } };
  };
  if (!location.url.startsWith(client.baseUrl)) throw new Error(`${location.url} is not the front door`);
  const answer = await client.raw('GET', new URL(location.url).pathname, undefined, {
    'vmware-api-session-id': '',
    authorization: `Bearer ${location.download_token.token}`,
  });
  if (answer.status !== 200) throw new Error(answer.body.toString());
  return answer.body;
}

/** Restores a native provider from a backup. */
export async function restore({ client }: RunningVcenter, backup: Buffer): Promise<void> {
  const path = '/api/vcenter/crypto-manager/kms/providers?action=import';
  await client.rest('POST', path, { config: backup.toString('base64') });
}
