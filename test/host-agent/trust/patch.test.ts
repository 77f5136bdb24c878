import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { TestKms } from '../../kms/harness.js';
import { makeProvider, newPrimaryKey, startKeyServer } from '../../trust-authority/key-provider.js';
import { presetBaseImage, unpackImgdb } from '../../../wire/esx-image/index.js';
import { faultOf, makeSafe, startHost } from '../hosts.js';
import { TrustSite } from './trust-site.js';
import type { TimedHost } from './trust-site.js';

const DISK = 2000;
const PATCH = { build: '24280767' };
const PATCHED_VERSION = '8.0.3-0.0.24280767';
const MINUTE_MS = 60_000;

let trust: TrustSite;
let keyServer: TestKms;

beforeAll(async () => {
  trust = await TrustSite.start();
  keyServer = await startKeyServer(trust.pki);
  const masterKeyId = await newPrimaryKey(keyServer.client());
  await makeProvider(trust.ta, { provider: 'tkp-1', masterKeyId, ports: [keyServer.port] });
});

afterAll(async () => {
  await trust[Symbol.asyncDispose]();
  await keyServer[Symbol.asyncDispose]();
});

async function newVm({ client }: TimedHost, encrypted: boolean): Promise<string> {
  const { id } = await client.createVm({
    name: encrypted ? 'trusted' : 'plain',
    datastore: 'datastore1',
    disks: [{ capacityBytes: 65_536 }],
    ...(encrypted && { encryption: { key: { keyId: '', providerId: { id: 'tkp-1' } } } }),
  });
  return id;
}

describe('a patched host', () => {
  it('runs the image from its next boot on, is refused until the image is imported, and comes back by itself', async () => {
    const host = await trust.host();
    const { client, timer } = host;
    await makeSafe(client);
    const [trustedVm, plainVm] = [await newVm(host, true), await newVm(host, false)];
    await client.powerOn(trustedVm);

    // Installed only: the host runs what it ran, and so do its VMs.
    expect(await client.patch(PATCH)).toMatchObject({
      running: { version: '8.0.3-0.0.24022510' },
      installed: { version: PATCHED_VERSION, displayName: 'VMware ESXi 8.0.3 build-24280767' },
    });
    expect((await client.attest(true)).info.status).toBe('attested');
    expect(await client.guestRead(trustedVm, DISK, 0, 512)).toHaveLength(512);

    await client.reboot();
    expect(await client.about()).toMatchObject({
      version: '8.0.3',
      build: '24280767',
      image: { running: { version: PATCHED_VERSION } },
    });
    await client.powerOn(plainVm);
    await client.guestWrite(plainVm, DISK, 0, Buffer.alloc(512, 5));
    await timer.tick();
    const { info, appraisals } = await client.attestationReport();
    expect(info.status).toBe('notAttested');
    expect(appraisals[0]!.reason).toBe('base_image_not_trusted');
    const fault = await faultOf(client.powerOn(trustedVm));
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.base_image_not_trusted');
    expect(await client.guestRead(plainVm, DISK, 0, 512)).toEqual(Buffer.alloc(512, 5));
    expect((await client.vm(plainVm)).powerState).toBe('poweredOn');

    const image = await trust.ta.attestation.baseImages.importFromImgdb(await client.bootImgdb());
    trust.clock.advance(5 * MINUTE_MS);
    await timer.tick();
    expect((await client.attestationInfo()).status).toBe('attested');
    expect((await client.vm(trustedVm)).cryptoState).toBe('unlocked');
    await client.powerOn(trustedVm);
    expect((await client.vm(trustedVm)).powerState).toBe('poweredOn');

    // The image is not trusted any more: what runs goes on, what is off stays off.
    await trust.ta.attestation.baseImages.delete(image);
    expect((await client.attest(true)).appraisals[0]!.reason).toBe('base_image_not_trusted');
    expect(await client.guestRead(trustedVm, DISK, 0, 512)).toHaveLength(512);
    await client.powerOff(trustedVm);
    const again = await faultOf(client.powerOn(trustedVm));
    expect(again.faultMessage[0]!.key).toBe('kpsim.key.base_image_not_trusted');
  });

  it('keeps the image over a restart of the agent, which boots it', async () => {
    const host = await startHost(trust.site);
    await host.client.patch({ release: '8.0.2' });
    const { client } = await host.restart();
    expect(await client.about()).toMatchObject({ version: '8.0.2', build: '22380479' });
    expect(await unpackImgdb(await client.bootImgdb())).toEqual(presetBaseImage('8.0.2'));
  });

  it('takes no release that can do other things than its own, and no half a patch', async () => {
    const { client } = await startHost(trust.site, { version: '6.5.0' });
    await expect(client.patch({ release: '8.0.3' })).rejects.toMatchObject({
      type: 'UNSUPPORTED',
      message: expect.stringContaining('start another host') as string,
    });
    await expect(client.patch({})).rejects.toMatchObject({ type: 'INVALID_ARGUMENT' });
    await expect(client.patch({ build: '8.0.3\u001b[2J' })).rejects.toMatchObject({
      type: 'INVALID_ARGUMENT',
    });
  });
});
