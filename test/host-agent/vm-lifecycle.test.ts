import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import { beforeAll, describe, expect, it } from 'vitest';

import { KpsimError } from '../../core/errors.js';
import type { Site } from './hosts.js';
import { faultOf, hostWithEncryptedVm, makeSafe, makeSite, newKey, startHost } from './hosts.js';

const DISK = 2000;
let site: Site;
beforeAll(async () => {
  site = await makeSite();
});

describe('a host', () => {
  it('says who it is', async () => {
    const { client } = await startHost(site, { name: 'esx-7', uuid: '6b3f1f0e-5a5b-4a57-9a43-0a9d1d1f0001' });
    const about = await client.about();
    expect(about).toMatchObject({
      id: '6b3f1f0e-5a5b-4a57-9a43-0a9d1d1f0001',
      name: 'esx-7',
      version: '8.0.3',
      tpm: { present: false },
      cryptoState: 'incapable',
      encryptedVmotionSupported: true,
      datastores: [{ name: 'datastore1' }],
    });
  });

  it('keeps its UUID over a restart of the agent', async () => {
    const host = await startHost(site);
    const { id } = await host.client.about();
    const { client } = await host.restart();
    expect((await client.about()).id).toBe(id);
  });
});

describe('an encrypted VM', () => {
  it('is encrypted at rest and reads back what its guest wrote', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const { client } = host;
    const written = randomBytes(4096);

    const on = await client.powerOn(vmId);
    await client.guestWrite(vmId, DISK, 8192, written);
    await client.powerOff(vmId);
    await client.powerOn(vmId);

    expect(on).toMatchObject({ powerState: 'poweredOn', cryptoState: 'unlocked', keyId: key.keyId });
    expect(await client.guestRead(vmId, DISK, 8192, 4096)).toEqual(written);
    const files = await client.files(vmId);
    const flat = files.find(({ name }) => name.endsWith('-flat.vmdk'));
    expect((await readFile(flat!.path)).includes(written)).toBe(false);
  });

  it('asks for its key after a reboot, and powers on when the key was pushed', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const { client } = host;
    await client.powerOn(vmId);
    await client.reboot();

    const info = await client.vm(vmId);
    const fault = await faultOf(client.powerOn(vmId));
    expect(info).toMatchObject({ powerState: 'poweredOff', cryptoState: 'locked' });
    expect(fault.fault).toBe('EncryptionKeyRequired');
    expect(fault.fields).toMatchObject({ requiredKey: [key.keyId] });
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.KeyStateMissingInCache');

    await client.addKeys([key]);
    expect((await client.vm(vmId)).cryptoState).toBe('unlocked');
    expect((await client.powerOn(vmId)).powerState).toBe('poweredOn');
  });

  it('goes on running when its key is removed by force, and cannot be powered on afterwards', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const { client } = host;
    await client.powerOn(vmId);

    const [kept] = await client.removeKeys([key.keyId], false);
    const [removed] = await client.removeKeys([key.keyId], true);
    expect(kept).toMatchObject({ success: false });
    expect(removed).toMatchObject({ success: true });
    expect(await client.guestRead(vmId, DISK, 0, 512)).toHaveLength(512);

    await client.powerOff(vmId);
    expect((await faultOf(client.powerOn(vmId))).fault).toBe('EncryptionKeyRequired');
  });

  it('is refused with a wrong key of the right id', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const { client } = host;
    await client.removeKeys([key.keyId], true);
    await client.addKeys([{ ...newKey(), keyId: key.keyId }]);

    const fault = await faultOf(client.powerOn(vmId));
    expect(fault.fault).toBe('GenericVmConfigFault');
    expect(fault.faultMessage[0]!.key).toBe('msg.keysafe.locator');
  });

  it('gets another key by a shallow recrypt while it runs', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const { client } = host;
    const next = newKey();
    await client.addKeys([next]);
    await client.powerOn(vmId);

    const info = await client.recryptVm(vmId, { kind: 'shallow', newKeyId: next.keyId });
    expect(info.keyId).toEqual(next.keyId);
    expect(info.disks[0]!.keyId).toEqual(next.keyId);

    await client.powerOff(vmId);
    await client.removeKeys([key.keyId], true);
    expect((await client.powerOn(vmId)).powerState).toBe('poweredOn');
  });

  it('has the same content after a deep recrypt and after decryption, and stays required (MODE-4)', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const { client } = host;
    const next = newKey();
    await client.addKeys([next]);
    await client.powerOn(vmId);
    await client.guestWrite(vmId, DISK, 0, randomBytes(1024 * 1024));
    const digest = await client.guestDiskDigest(vmId, DISK);
    await client.powerOff(vmId);

    await client.recryptVm(vmId, { kind: 'deep', newKeyId: next.keyId });
    await client.powerOn(vmId);
    expect(await client.guestDiskDigest(vmId, DISK)).toBe(digest);
    await client.powerOff(vmId);

    const plain = await client.decryptVm(vmId);
    await client.powerOn(vmId);
    expect(plain).toMatchObject({
      migrateEncryption: 'required',
      recordedMigrateEncryption: 'opportunistic',
    });
    expect(plain.keyId).toBeUndefined();
    expect(await client.guestDiskDigest(vmId, DISK)).toBe(digest);
  });

  it('is cloned under another key with the same content', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const { client } = host;
    const next = newKey();
    await client.addKeys([next]);
    await client.powerOn(vmId);
    await client.guestWrite(vmId, DISK, 512, randomBytes(512));
    const digest = await client.guestDiskDigest(vmId, DISK);

    const clone = await client.cloneVm(vmId, { name: 'web-2', recryptKey: next.keyId });
    await client.powerOn(clone.id);
    expect(clone.keyId).toEqual(next.keyId);
    expect(clone.id).not.toBe(vmId);
    expect(await client.guestDiskDigest(clone.id, DISK)).toBe(digest);
  });
});

describe('operations are refused with the fault that vSphere has for it', () => {
  it('needs safe mode to encrypt', async () => {
    const { client } = await startHost(site);
    const { id } = await client.createVm({ name: 'a', datastore: 'datastore1', disks: [] });
    const fault = await faultOf(client.encryptVm(id, { key: newKey().keyId }));
    expect(fault.fault).toBe('InvalidState');
    expect(await client.listVms()).toHaveLength(1);
  });

  it('makes no VM at all when its encryption fails', async () => {
    const { client } = await startHost(site);
    await makeSafe(client);
    const missing = newKey().keyId;
    const fault = await faultOf(
      client.createVm({ name: 'a', datastore: 'datastore1', disks: [], encryption: { key: missing } }),
    );
    expect(fault.fields).toMatchObject({ requiredKey: [missing] });
    expect(await client.listVms()).toEqual([]);
  });

  it('says in which power state a VM is and in which it must be', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const off = await faultOf(host.client.powerOff(vmId));
    await host.client.powerOn(vmId);
    const on = await faultOf(host.client.decryptVm(vmId));
    expect([off.fault, off.fields]).toEqual([
      'InvalidPowerState',
      { requestedState: 'poweredOn', existingState: 'poweredOff' },
    ]);
    expect([on.fault, on.fields]).toEqual([
      'InvalidPowerState',
      { requestedState: 'poweredOff', existingState: 'poweredOn' },
    ]);
  });

  it('runs one operation of a VM at a time', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const { client } = host;
    const outcomes = await Promise.allSettled([
      client.decryptVm(vmId),
      client.powerOn(vmId),
      client.cloneVm(vmId, { name: 'b' }),
    ]);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(2);
    for (const outcome of refused) expect(outcome).toMatchObject({ reason: { fault: 'TaskInProgress' } });
  });

  it('keeps encrypted vMotion required for an encrypted VM (MODE-5)', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const fault = await faultOf(host.client.setMigrateEncryption(vmId, 'disabled'));
    expect(fault.fault).toBe('InvalidVmConfig');
    expect(fault.faultMessage[0]!.key).toBe('msg.hostd.configSpec.enc.encrypted');
  });

  it('knows no VM of another id, and no disk of another key', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    await host.client.powerOn(vmId);
    const noVm = await faultOf(host.client.vm('6b3f1f0e-5a5b-4a57-9a43-0a9d1d1f0001'));
    const noDisk = await faultOf(host.client.guestRead(vmId, 2001, 0, 512));
    expect(noVm.fault).toBe('ManagedObjectNotFound');
    expect(noDisk.fault).toBe('InvalidArgument');
  });

  it('reads guest disks in whole sectors only', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    await host.client.powerOn(vmId);
    await expect(host.client.guestRead(vmId, DISK, 1, 512)).rejects.toBeInstanceOf(KpsimError);
    await expect(host.client.guestRead(vmId, DISK, 0, 2 * 1024 * 1024)).rejects.toMatchObject({
      type: 'INVALID_ARGUMENT',
    });
  });

  it('has no encryption before ESXi 6.5', async () => {
    const { client } = await startHost(site, { version: '6.0.0', build: '2494585' });
    expect((await faultOf(client.prepareCrypto())).fault).toBe('NotSupported');
    expect((await client.about()).encryptedVmotionSupported).toBe(false);
  });
});

describe('a restart of the agent', () => {
  it('finds VMs again, powered off, with their content', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const written = randomBytes(512);
    await host.client.powerOn(vmId);
    await host.client.guestWrite(vmId, DISK, 0, written);

    const { client } = await host.restart();
    expect(await client.vm(vmId)).toMatchObject({ powerState: 'poweredOff', cryptoState: 'locked' });
    expect(await client.listKeys()).toEqual([]);
    await client.addKeys([key]);
    await client.powerOn(vmId);
    expect(await client.guestRead(vmId, DISK, 0, 512)).toEqual(written);
  });
});
