import { X509Certificate } from 'node:crypto';

import { expect, it } from 'vitest';

import { TpmClient } from '../../../host-agent/tpm/index.js';
import type { TpmDeviceHandle, TpmKind } from '../../../host-agent/tpm/index.js';
import { ENDORSEMENT_KEYS, initialPcr, publicKeyOf } from '../../../wire/tpm2/index.js';
import { makerOf, newDevice, startedDevice, testVendor } from './devices.js';

const PCR_0 = [{ hashAlg: 'SHA256' as const, pcrs: [0] }];

async function resetCountOf(client: TpmClient): Promise<number> {
  return (await client.readClock()).clockInfo.resetCount;
}

/** Cuts the power in an orderly way, and starts the TPM again. */
async function rebooted(device: TpmDeviceHandle, client: TpmClient): Promise<void> {
  await client.shutdown();
  await device.reset();
  await client.startup();
}

/** What every kind of TPM does as a device; both kinds must pass. */
export function deviceSuite(kind: TpmKind): void {
  it('comes with persistent endorsement keys and certificates of its maker for them', async () => {
    const { client } = await startedDevice(kind, {}, { endorsementKeys: ['rsa2048', 'p256'] });
    const { issuing } = await testVendor();
    for (const algorithm of ['rsa2048', 'p256'] as const) {
      const { publicArea } = await client.readPublic(ENDORSEMENT_KEYS[algorithm].handle);
      const certificate = new X509Certificate((await client.ekCertificate(algorithm))!);
      expect(certificate.publicKey.equals(publicKeyOf(publicArea))).toBe(true);
      expect(certificate.verify(new X509Certificate(issuing.caPem).publicKey)).toBe(true);
    }
  });

  it('waits for TPM2_Startup when it is new and after a reset', async () => {
    const device = await newDevice(kind);
    const client = new TpmClient(device.transport());
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    await client.startup();
    const before = await resetCountOf(client);
    await rebooted(device, client);
    expect(await resetCountOf(client)).toBe(before + 1);
  });

  it('starts PCR 0 with the locality of TPM2_Startup, and starts at 0 and 3 only', async () => {
    const device = await newDevice(kind);
    const client = new TpmClient(device.transport());
    for (const refused of [1, 2]) {
      await device.setLocality(refused);
      await expect(client.startup()).rejects.toMatchObject({ code: 'tpm_locality' });
    }
    await device.setLocality(3);
    await client.startup();
    await device.setLocality(0);
    const values = await client.pcrRead(PCR_0);
    expect(values.get('SHA256')!.get(0)).toEqual(initialPcr('SHA256', 0, 3));
    await expect(client.pcrExtend(17, new Map([['SHA256', Buffer.alloc(32)]]))).rejects.toMatchObject({
      code: 'tpm_locality',
    });
  });

  it('goes back to a snapshot, its counters and NV memory too', async () => {
    const { device, client } = await startedDevice(kind);
    const before = await resetCountOf(client);
    const snapshot = await device.snapshot();
    await rebooted(device, client);
    await rebooted(device, client);
    await client.nvUndefine('PLATFORM', ENDORSEMENT_KEYS.p256.certificateNvIndex);
    expect(await resetCountOf(client)).toBe(before + 2);
    await device.restore(snapshot);
    await expect(client.getRandom(4)).rejects.toMatchObject({ code: 'tpm_initialize' });
    await client.startup();
    expect(await resetCountOf(client)).toBe(before + 1);
    expect(await client.ekCertificate('p256')).toBeDefined();
  });

  it('goes on after a snapshot that cannot be read', async () => {
    const { device, client } = await startedDevice(kind);
    await expect(device.restore(Buffer.from('{"version":1}'))).rejects.toMatchObject({
      code: 'tpm_state_invalid',
    });
    expect(await client.getRandom(4)).toHaveLength(4);
  });

  it('is the same TPM when it is loaded again, and its bus can be let go at any time', async () => {
    const maker = await makerOf(kind);
    const { issuing } = await testVendor();
    const first = await maker.make({ ekCa: issuing, endorsementKeys: ['p256'] });
    const client = new TpmClient(first.transport());
    await client.startup();
    await client.close();
    const ak = await client.createAk();
    const count = await resetCountOf(client);
    await client.shutdown();
    const saved = await first.save();
    await first.close();
    const second = await maker.load(saved);
    const again = new TpmClient(second.transport());
    try {
      await again.startup();
      expect((await again.createAk()).name).toEqual(ak.name);
      expect(await resetCountOf(again)).toBe(count + 1);
    } finally {
      await second.close();
    }
    await expect(maker.load(Buffer.from('{}'))).rejects.toMatchObject({ code: 'tpm_state_invalid' });
  });
}
