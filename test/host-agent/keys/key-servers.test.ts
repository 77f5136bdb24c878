import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { KeyServersSpec } from '../../../host-agent/client.js';
import type { KmipClient } from '../../../kms/client.js';
import type { TestKms, TestPki } from '../../kms/harness.js';
import { makePki, startKms } from '../../kms/harness.js';
import type { RunningHost, Site } from '../hosts.js';
import { faultOf, makeSafe, startHost } from '../hosts.js';

let pki: TestPki;
let site: Site;
let keyServer: TestKms;
let vcenter: KmipClient;

beforeAll(async () => {
  pki = await makePki();
  site = { ca: pki.authority, administrator: await pki.authority.issueClient({ commonName: 'vc-test' }) };
  keyServer = await startKms(pki);
  vcenter = keyServer.client();
});

afterAll(() => keyServer[Symbol.asyncDispose]());

function servers(port = keyServer.port): KeyServersSpec {
  const { certificatePem, privateKeyPem } = pki.east;
  return {
    servers: [{ host: '127.0.0.1', port }],
    tls: { certificatePem, privateKeyPem, caPem: pki.authority.caPem },
  };
}

async function hostWithServers(spec = servers()): Promise<RunningHost> {
  const host = await startHost(site);
  await makeSafe(host.client);
  await host.client.setKeyServers('skp-1', spec);
  return host;
}

function encryptedVm({ client }: RunningHost, keyId: string): Promise<{ id: string }> {
  return client.createVm({
    name: 'web',
    datastore: 'datastore1',
    disks: [{ capacityBytes: 65_536 }],
    encryption: { key: { keyId, providerId: { id: 'skp-1' } } },
  });
}

describe('a host that may ask the key servers of a standard provider itself', () => {
  it('fetches keys, also after a reboot and after a restart of the agent', async () => {
    const host = await hostWithServers();
    const keyId = await vcenter.create();
    await vcenter.activate(keyId);
    const { id } = await encryptedVm(host, keyId);
    await host.client.reboot();
    await host.client.powerOn(id);

    const { client } = await host.restart();
    expect(await client.powerOn(id)).toMatchObject({ cryptoState: 'unlocked' });
    const [status] = await client.getCryptoKeyStatus([{ keyId, providerId: { id: 'skp-1' } }]);
    expect(status).toMatchObject({ present: true, managementType: 'external' });
  });

  it('says that a key is not there, or was destroyed', async () => {
    const host = await hostWithServers();
    const never = await faultOf(encryptedVm(host, 'no-such-key'));
    const destroyed = await vcenter.create();
    await vcenter.destroy(destroyed);
    const gone = await faultOf(encryptedVm(host, destroyed));
    expect(never.faultMessage[0]!.key).toBe('kpsim.key.KeyStateMissingInKMS');
    expect(gone.faultMessage[0]!.key).toBe('kpsim.key.KeyStateMissingInKMS');
  });

  it('says that no key server can be reached', async () => {
    const host = await hostWithServers(servers(9));
    const fault = await faultOf(encryptedVm(host, 'any'));
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.KeyStateClusterUnreachable');
  });

  it('waits for pushed keys again when its key servers are taken back', async () => {
    const host = await hostWithServers();
    await host.client.removeKeyServers('skp-1');
    const fault = await faultOf(encryptedVm(host, await vcenter.create()));
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.KeyStateMissingInCache');
    await expect(host.client.removeKeyServers('skp-1')).rejects.toMatchObject({ type: 'NOT_FOUND' });
  });
});
