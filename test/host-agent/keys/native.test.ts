import { randomBytes, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, describe, expect, it } from 'vitest';

import type { NativeProviderSpec } from '../../../host-agent/client.js';
import { deriveKek, newKeyId, parseKeyId } from '../../../wire/native-key/index.js';
import type { RunningHost, Site } from '../hosts.js';
import { faultOf, makeSite, newMigration, startHost } from '../hosts.js';

const DISK = 2000;
const NATIVE_KEY = { keyId: '', providerId: { id: 'nkp-1' } };

let site: Site;
beforeAll(async () => {
  site = await makeSite();
});

function newProvider(provider = 'nkp-1'): NativeProviderSpec {
  return {
    provider,
    native_spec: { key_id: randomUUID(), key_derivation_key: randomBytes(32).toString('base64') },
  };
}

/** A host that made its own host key from a native provider: no key was ever sent to it. */
async function nativeHost(spec: NativeProviderSpec, name = 'esx-1'): Promise<RunningHost> {
  const host = await startHost(site, { name });
  await host.client.setNativeProvider(spec);
  await host.client.prepareCrypto();
  await host.client.enableCrypto({ keyId: NATIVE_KEY, algorithm: 'AES-256', keyData: '' });
  return host;
}

async function nativeVm({ client }: RunningHost): Promise<string> {
  const { id } = await client.createVm({
    name: 'web',
    datastore: 'datastore1',
    disks: [{ capacityBytes: 65_536 }],
    encryption: { key: NATIVE_KEY },
  });
  return id;
}

describe('a native key provider on a host', () => {
  it('makes keys that derive from its key derivation key alone', async () => {
    const spec = newProvider();
    const host = await nativeHost(spec);
    const vmId = await nativeVm(host);
    const { keyId } = await host.client.vm(vmId);
    expect(parseKeyId(keyId!.keyId).kdkId).toBe(spec.native_spec.key_id);
    expect(await host.client.listProviders()).toEqual([
      { provider: 'nkp-1', type: 'NATIVE', key_id: spec.native_spec.key_id },
    ]);
  });

  it('goes on after a reboot, and after a restart of the agent, without a vCenter', async () => {
    const host = await nativeHost(newProvider());
    const vmId = await nativeVm(host);
    await host.client.reboot();
    await host.client.powerOn(vmId);
    await host.client.guestWrite(vmId, DISK, 0, Buffer.alloc(512, 9));

    const { client } = await host.restart();
    expect(await client.cryptoState()).toMatchObject({ state: 'safe', hostKeyPresent: true });
    expect((await client.vm(vmId)).cryptoState).toBe('unlocked');
    await client.powerOn(vmId);
    expect(await client.guestRead(vmId, DISK, 0, 512)).toEqual(Buffer.alloc(512, 9));
  });

  it('keeps its key derivation key sealed at rest', async () => {
    const spec = newProvider();
    const host = await nativeHost(spec);
    const stored = await readFile(join(host.dataDir, 'configuration.json'), 'utf8');
    expect(stored).toContain(spec.native_spec.key_id);
    expect(stored).not.toContain(spec.native_spec.key_derivation_key);
  });

  it('locks VMs when it is removed, and unlocks them when it comes back', async () => {
    const spec = newProvider();
    const host = await nativeHost(spec);
    const { client } = host;
    const vmId = await nativeVm(host);
    await client.removeNativeProvider('nkp-1');
    const locked = await client.vm(vmId);
    const fault = await faultOf(client.powerOn(vmId));
    await client.setNativeProvider(spec);

    expect(locked.cryptoState).toBe('locked');
    expect(fault.fault).toBe('EncryptionKeyRequired');
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.KeyStateManagedByNKP');
    expect((await client.vm(vmId)).cryptoState).toBe('unlocked');
    await expect(client.removeNativeProvider('other')).rejects.toMatchObject({ type: 'NOT_FOUND' });
  });

  it('of the same name with another key derivation key cannot open its VMs (XVC-2n, EXT-4)', async () => {
    const source = await nativeHost(newProvider(), 'esx-east');
    const vmId = await nativeVm(source);
    const other = newProvider();
    const destination = await nativeHost(other, 'esx-west');
    const fault = await faultOf(
      destination.client.prepareReceive(newMigration(vmId), await source.client.vm(vmId)),
    );
    expect(fault.fault).toBe('EncryptionKeyRequired');
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.kdk_mismatch');
    expect(fault.message).toContain('Unable to decrypt the ciphertext. Failed to decrypt the key');
    expect(fault.message).toContain(other.native_spec.key_id);
  });

  it('with the same key derivation key opens them on another host', async () => {
    const spec = newProvider();
    const source = await nativeHost(spec, 'esx-east');
    const vmId = await nativeVm(source);
    await source.client.powerOn(vmId);
    const destination = await nativeHost(spec, 'esx-west');
    const migration = newMigration(vmId);
    const ready = await destination.client.prepareReceive(migration, await source.client.vm(vmId));
    await source.client.startSend(migration, ready);
    await destination.client.commitReceive(migration.migrationId);
    await source.client.commitSend(migration.migrationId);
    expect(await destination.client.vm(vmId)).toMatchObject({ powerState: 'poweredOn' });
  });

  it('does not take ids of other kinds of providers for its own', async () => {
    const { client } = await nativeHost(newProvider());
    const foreign = { keyId: randomUUID(), providerId: { id: 'nkp-1' } };
    const fault = await faultOf(
      client.createVm({ name: 'a', datastore: 'datastore1', disks: [], encryption: { key: foreign } }),
    );
    expect(fault.faultMessage[0]!.key).toBe('kpsim.key.not_a_native_key_id');
  });

  it('is refused before ESXi 7.0 Update 2, and with a key of another length', async () => {
    const old = await startHost(site, { version: '7.0.1', build: '16850804' });
    const { client } = await startHost(site);
    expect((await faultOf(old.client.setNativeProvider(newProvider()))).fault).toBe('NotSupported');
    const short = newProvider();
    const spec = { ...short.native_spec, key_derivation_key: Buffer.alloc(16).toString('base64') };
    expect((await faultOf(client.setNativeProvider({ ...short, native_spec: spec }))).fault).toBe(
      'InvalidArgument',
    );
  });

  it('gives the key that the vCenter derives from the same id', async () => {
    const spec = newProvider();
    const host = await nativeHost(spec);
    const vmId = await nativeVm(host);
    const { keyId } = await host.client.vm(vmId);
    const kek = deriveKek(Buffer.from(spec.native_spec.key_derivation_key, 'base64'), keyId!.keyId);

    // The same key under the same id, pushed to a host that has no such provider, opens the VM as well.
    const other = await startHost(site, { name: 'esx-2' });
    await other.client.prepareCrypto();
    const pushed = { keyId: keyId!, algorithm: 'AES-256', keyData: kek.toString('base64') };
    await other.client.enableCrypto(pushed);
    const migration = newMigration(vmId, { live: false });
    const ready = await other.client.prepareReceive(migration, await host.client.vm(vmId));
    await host.client.startSend(migration, ready);
    await other.client.commitReceive(migration.migrationId);
    expect(await other.client.powerOn(vmId)).toMatchObject({ cryptoState: 'unlocked' });
    expect(newKeyId(spec.native_spec.key_id)).not.toBe(keyId!.keyId);
  });
});
