import { randomBytes, randomUUID } from 'node:crypto';

import { beforeAll, describe, expect, it } from 'vitest';

import type { RunningHost, Site } from './hosts.js';
import { faultOf, hostWithEncryptedVm, makeSafe, makeSite, newMigration, startHost } from './hosts.js';

const DISK = 2000;
let site: Site;
beforeAll(async () => {
  site = await makeSite();
});

/** A source with a running encrypted VM full of random bytes, and a destination in safe mode that has its key. */
async function pair(): Promise<{
  source: RunningHost;
  destination: RunningHost;
  vmId: string;
  diskDigest: string;
  memoryDigest: string;
}> {
  const { host: source, vmId, key } = await hostWithEncryptedVm(site, { name: 'esx-source' });
  const destination = await startHost(site, { name: 'esx-destination' });
  await makeSafe(destination.client);
  await destination.client.addKeys([key]);
  await source.client.powerOn(vmId);
  await source.client.guestWrite(vmId, DISK, 0, randomBytes(1024 * 1024));
  const diskDigest = await source.client.guestDiskDigest(vmId, DISK);
  const memoryDigest = await source.client.guestMemoryDigest(vmId);
  return { source, destination, vmId, diskDigest, memoryDigest };
}

describe('vMotion between two hosts', () => {
  it('takes a running encrypted VM over with equal disk and memory, and leaves nothing behind', async () => {
    const { source, destination, vmId, diskDigest, memoryDigest } = await pair();
    const spec = newMigration(vmId);
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    const sent = await source.client.startSend(spec, ready);
    const states = [
      await source.client.migrationState(spec.migrationId),
      await destination.client.migrationState(spec.migrationId),
    ];
    const arrived = await destination.client.commitReceive(spec.migrationId);
    await source.client.commitSend(spec.migrationId);

    expect(sent).toMatchObject({ encrypted: true });
    expect(sent.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(states).toEqual([
      { migrationId: spec.migrationId, source: 'sent' },
      { migrationId: spec.migrationId, destination: 'received' },
    ]);
    expect(arrived).toMatchObject({ id: vmId, powerState: 'poweredOn', cryptoState: 'unlocked' });
    expect(await destination.client.guestDiskDigest(vmId, DISK)).toBe(diskDigest);
    expect(await destination.client.guestMemoryDigest(vmId)).toBe(memoryDigest);
    expect(await source.client.listVms()).toEqual([]);
  });

  it('leaves a clone powered off at the destination and the source as it was', async () => {
    const { source, destination, vmId, diskDigest } = await pair();
    const target = { id: randomUUID(), name: 'copy' };
    const spec = newMigration(vmId, { kind: 'clone', live: false, target });
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await source.client.startSend(spec, ready);
    await destination.client.commitReceive(spec.migrationId);
    await source.client.commitSend(spec.migrationId);

    expect(ready.vmId).toBe(target.id);
    expect(await source.client.vm(vmId)).toMatchObject({ powerState: 'poweredOn' });
    expect(await destination.client.powerOn(target.id)).toMatchObject({ name: 'copy' });
    expect(await destination.client.guestDiskDigest(target.id, DISK)).toBe(diskDigest);
  });

  it('goes on at the source after an abort', async () => {
    const { source, destination, vmId, diskDigest } = await pair();
    const spec = newMigration(vmId);
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await source.client.startSend(spec, ready);
    await destination.client.abort(spec.migrationId);
    await source.client.abort(spec.migrationId);

    expect(await source.client.guestDiskDigest(vmId, DISK)).toBe(diskDigest);
    expect(await destination.client.listVms()).toEqual([]);
    expect((await faultOf(destination.client.commitReceive(spec.migrationId))).fault).toBe('InvalidState');
    expect((await faultOf(source.client.commitSend(spec.migrationId))).fault).toBe('InvalidState');
  });

  it('travels unencrypted only if the VM is not encrypted', async () => {
    const source = await startHost(site);
    const destination = await startHost(site, { version: '6.0.0', build: '2494585' });
    const { id } = await source.client.createVm({
      name: 'plain',
      datastore: 'datastore1',
      disks: [{ capacityBytes: 65_536 }],
    });
    const info = await source.client.vm(id);
    const encrypted = newMigration(id, { live: false });
    const plain = newMigration(id, { live: false, encrypted: false });

    expect((await faultOf(destination.client.prepareReceive(encrypted, info))).fault).toBe('NotSupported');
    await source.client.startSend(plain, await destination.client.prepareReceive(plain, info));
    expect(await destination.client.commitReceive(plain.migrationId)).toMatchObject({ id });
  });
});

describe('a destination refuses before any data comes', () => {
  it('when it cannot get the key, and names it', async () => {
    const { host: source, vmId, key } = await hostWithEncryptedVm(site);
    const destination = await startHost(site);
    await makeSafe(destination.client);
    const fault = await faultOf(
      destination.client.prepareReceive(newMigration(vmId), await source.client.vm(vmId)),
    );
    expect(fault.fault).toBe('EncryptionKeyRequired');
    expect(fault.fields).toMatchObject({ requiredKey: [key.keyId] });
  });

  it('when it is not in safe mode (XVC-4)', async () => {
    const { host: source, vmId, key } = await hostWithEncryptedVm(site);
    const destination = await startHost(site);
    await destination.client.prepareCrypto();
    await destination.client.addKeys([key]);
    const fault = await faultOf(
      destination.client.prepareReceive(newMigration(vmId), await source.client.vm(vmId)),
    );
    expect(fault.fault).toBe('InvalidState');
  });

  it('when an encrypted VM is to travel unencrypted (ENC-1)', async () => {
    const { source, destination, vmId } = await pair();
    const spec = newMigration(vmId, { encrypted: false });
    const info = await source.client.vm(vmId);
    expect((await faultOf(destination.client.prepareReceive(spec, info))).fault).toBe('InvalidArgument');
    const anywhere = { host: '127.0.0.1', port: 9 };
    expect((await faultOf(source.client.startSend(spec, anywhere))).fault).toBe('InvalidArgument');
  });

  it('at the latest when an encrypted VM comes that was announced as a plain one', async () => {
    const { host: source, vmId, key } = await hostWithEncryptedVm(site);
    const destination = await startHost(site);
    await destination.client.prepareCrypto();
    await destination.client.addKeys([key]);
    const spec = newMigration(vmId, { live: false });
    const announced = { id: vmId, name: 'web', disks: [] };
    const ready = await destination.client.prepareReceive(spec, announced);
    const fault = await faultOf(source.client.startSend(spec, ready));
    expect(fault.is('MigrationFault')).toBe(true);
    expect(fault.message).toContain('crypto mode is prepared');
    expect(await destination.client.listVms()).toEqual([]);
  });

  it('when it has a VM of that id already', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const info = await host.client.vm(vmId);
    expect((await faultOf(host.client.prepareReceive(newMigration(vmId), info))).fault).toBe('AlreadyExists');
  });

  it('when the datastore is not its own', async () => {
    const { source, destination, vmId } = await pair();
    const spec = newMigration(vmId, { targetDatastore: 'elsewhere' });
    const fault = await faultOf(destination.client.prepareReceive(spec, await source.client.vm(vmId)));
    expect(fault.fault).toBe('InvalidDatastore');
  });
});

describe('what one side loses, the migration id brings back', () => {
  it('holds the VM at the source after a restart until it is told how the migration ended', async () => {
    const { source, destination, vmId } = await pair();
    await source.client.powerOff(vmId);
    const spec = newMigration(vmId, { live: false });
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await source.client.startSend(spec, ready);

    const after = await source.restart();
    const held = await faultOf(after.client.destroyVm(vmId));
    expect(held.fault).toBe('TaskInProgress');
    expect(await after.client.migrationState(spec.migrationId)).toMatchObject({ source: 'sent' });

    await destination.client.commitReceive(spec.migrationId);
    await after.client.commitSend(spec.migrationId);
    await after.client.commitSend(spec.migrationId);
    expect(await after.client.listVms()).toEqual([]);
    expect(await destination.client.vm(vmId)).toMatchObject({ id: vmId });
  });

  it('still has what it received powered off when the destination is restarted', async () => {
    const { source, destination, vmId, diskDigest } = await pair();
    const key = (await source.client.vm(vmId)).keyId!;
    await source.client.powerOff(vmId);
    const spec = newMigration(vmId, { live: false });
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await source.client.startSend(spec, ready);

    const after = await destination.restart();
    await after.client.commitReceive(spec.migrationId);
    await source.client.commitSend(spec.migrationId);
    expect((await faultOf(after.client.powerOn(vmId))).fields).toMatchObject({ requiredKey: [key] });
    expect(diskDigest).toHaveLength(64);
  });

  it('ends a running migration when a host reboots, and the other side can be aborted', async () => {
    const { source, destination, vmId, diskDigest } = await pair();
    const spec = newMigration(vmId);
    const ready = await destination.client.prepareReceive(spec, await source.client.vm(vmId));
    await destination.client.reboot();
    const fault = await faultOf(source.client.startSend(spec, ready));

    expect(fault.is('MigrationFault')).toBe(true);
    expect(await destination.client.migrationState(spec.migrationId)).toMatchObject({
      destination: 'aborted',
    });
    expect(await source.client.guestDiskDigest(vmId, DISK)).toBe(diskDigest);
    expect((await destination.client.about()).vmotion.port).toBe(ready.port);
  });

  it('knows nothing of a migration that it never heard of', async () => {
    const { client } = await startHost(site);
    const migrationId = randomUUID();
    expect(await client.migrationState(migrationId)).toEqual({ migrationId });
    await client.abort(migrationId);
    expect((await faultOf(client.commitReceive(migrationId))).fault).toBe('InvalidState');
    expect((await faultOf(client.commitSend(migrationId))).fault).toBe('InvalidState');
  });
});
