import { beforeAll, expect, it } from 'vitest';

import type { Side } from './migration/sides.js';
import { startSide } from './migration/sides.js';
import { Site, addStandaloneHost, addVm } from './site.js';

let site: Site;
beforeAll(async () => {
  site = await Site.create();
});

async function namesOf({ vc }: Side, query: string): Promise<readonly string[]> {
  const rows = (await vc.client.rest('GET', `/api/vcenter/${query}`)) as { name: string }[];
  return rows.map(({ name }) => name).sort();
}

it('filters hosts as the Automation API does', async () => {
  const side = await startSide(site, 'east');
  const alone = await site.startHost('esx-alone');
  const { host: standalone } = await addStandaloneHost(
    side.vc,
    { vmFolder: side.folder, hostFolder: side.hostFolder },
    alone,
  );
  const hosts = (query: string): Promise<readonly string[]> => namesOf(side, `host${query}`);
  expect(await hosts('')).toEqual(['esx-alone', 'esx-east']);
  expect(await hosts(`?hosts=${standalone}`)).toEqual(['esx-alone']);
  expect(await hosts('?names=esx-east&names=nobody')).toEqual(['esx-east']);
  expect(await hosts(`?folders=${side.hostFolder}`)).toEqual(['esx-alone', 'esx-east']);
  expect(await hosts(`?folders=${side.folder}`)).toEqual([]);
  expect(await hosts(`?clusters=${side.cluster}`)).toEqual(['esx-east']);
  expect(await hosts('?standalone=true')).toEqual(['esx-alone']);
  expect(await hosts('?standalone=false')).toEqual(['esx-east']);
  expect(await hosts('?connection_states=CONNECTED')).toEqual(['esx-alone', 'esx-east']);
  expect(await hosts('?connection_states=DISCONNECTED')).toEqual([]);
  expect(await hosts(`?standalone=true&clusters=${side.cluster}`)).toEqual([]);
});

it('filters VMs, folders and datastores as the Automation API does', async () => {
  const side = await startSide(site, 'west');
  const make = (name: string): Promise<string> =>
    addVm(side.vc, { name, folder: side.folder, pool: side.pool });
  const [running] = [await make('running'), await make('resting')];
  await side.vc.client.run('VirtualMachine', running, 'PowerOnVM_Task', {});
  const vms = (query: string): Promise<readonly string[]> => namesOf(side, `vm${query}`);
  expect(await vms(`?vms=${running}`)).toEqual(['running']);
  expect(await vms('?power_states=POWERED_OFF')).toEqual(['resting']);
  expect(await vms(`?resource_pools=${side.pool}&names=resting`)).toEqual(['resting']);
  expect(await vms(`?clusters=${side.cluster}`)).toEqual(['resting', 'running']);
  expect(await vms(`?folders=${side.hostFolder}`)).toEqual([]);
  expect(await namesOf(side, 'folder?type=VIRTUAL_MACHINE')).toEqual(['vm']);
  expect(await namesOf(side, 'datastore?types=NFS')).toEqual([]);
  expect(await namesOf(side, 'datastore?types=VMFS&types=NFS')).toEqual(['datastore1']);
});

it.each([
  ['host?name=esx-east', 'name'],
  ['host?power_states=POWERED_ON', 'power_states'],
  ['vm?standalone=true', 'standalone'],
  ['vm?power_states=ON', 'POWERED_OFF'],
  ['host?standalone=true&standalone=false', 'standalone'],
  ['cluster?hosts=host-1', 'hosts'],
])('refuses GET %s, of which the filter has no such member or word', async (query, named) => {
  const vc = await site.startVcenter('vc-north');
  await expect(vc.client.rest('GET', `/api/vcenter/${query}`)).rejects.toMatchObject({
    status: 400,
    body: {
      error_type: 'INVALID_ARGUMENT',
      messages: [{ default_message: expect.stringContaining(named) as string }],
    },
  });
});
