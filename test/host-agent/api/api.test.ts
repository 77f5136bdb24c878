import { randomUUID } from 'node:crypto';

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { FaultRegistry } from '../../../core/faults.js';
import { HttpClient } from '../../../core/http/index.js';
import type { RunningHost, Site } from '../hosts.js';
import {
  clientOf,
  faultOf,
  hostWithEncryptedVm,
  makeSite,
  newKey,
  newMigration,
  startHost,
} from '../hosts.js';

const CRYPTO_MANAGER = '/sdk/vim25/8.0.3.0/CryptoManagerHostKMS/ha-crypto-manager';

let site: Site;
beforeAll(async () => {
  site = await makeSite();
});

function httpOf({ url }: RunningHost): HttpClient {
  const client = new HttpClient({
    baseUrl: url,
    caPem: site.ca.caPem,
    clientCertificate: site.administrator,
  });
  onTestFinished(() => client.close());
  return client;
}

describe('who may call', () => {
  it('nobody without a certificate', async () => {
    const host = await startHost(site);
    const client = new HttpClient({ baseUrl: host.url, caPem: site.ca.caPem });
    onTestFinished(() => client.close());
    await expect(client.json('GET', '/api/kpsim/host/about')).rejects.toMatchObject({ code: 'unreachable' });
  });

  it('nobody whose certificate names someone else', async () => {
    const host = await startHost(site);
    const stranger = clientOf(site, host.url, await site.ca.issueClient({ commonName: 'stranger' }));
    await expect(stranger.about()).rejects.toMatchObject({ type: 'UNAUTHORIZED' });
    await expect(stranger.listKeys()).rejects.toMatchObject({ type: 'UNAUTHORIZED' });
  });
});

describe('VI/JSON', () => {
  it('has the methods of CryptoManagerHostKMS under their names', async () => {
    const http = httpOf(await startHost(site));
    const key = newKey();
    const call = (method: string, body: unknown = {}) =>
      http.json('POST', `${CRYPTO_MANAGER}/${method}`, body);
    const keyId = { _typeName: 'CryptoKeyId', keyId: key.keyId.keyId };
    const plain = { _typeName: 'CryptoKeyPlain', ...key, keyId };

    expect(await call('CryptoManagerHostPrepare')).toBeUndefined();
    expect(await call('AddKey', { key: plain })).toBeUndefined();
    expect(await call('CryptoManagerHostEnable', { initialKey: plain })).toBeUndefined();
    expect(await http.json('GET', `${CRYPTO_MANAGER}/enabled`)).toBe(true);
    expect(await call('ListKeys')).toEqual([keyId]);
    expect(await call('GetCryptoKeyStatus', { keys: [keyId] })).toEqual([
      {
        _typeName: 'CryptoManagerHostKeyStatus',
        keyId,
        present: true,
        managementType: 'internal',
        accessGranted: true,
      },
    ]);
    await expect(call('RemoveKey', { key: keyId, force: false })).rejects.toMatchObject({
      status: 500,
      body: { _typeName: 'InvalidArgument' },
    });
    expect(await call('RemoveKeys', { keys: [keyId], force: true })).toMatchObject([{ success: true }]);
  });

  it('answers ChangeKey_Task with a task that has succeeded', async () => {
    const host = await startHost(site);
    const http = httpOf(host);
    await host.client.prepareCrypto();
    await host.client.enableCrypto(newKey());
    const newOne = newKey();
    const task = await http.json('POST', `${CRYPTO_MANAGER}/ChangeKey_Task`, {
      newKey: {
        _typeName: 'CryptoKeyPlain',
        algorithm: 'AES-256',
        keyData: newOne.keyData,
        keyId: { _typeName: 'CryptoKeyId', keyId: newOne.keyId.keyId },
      },
    });
    const { value } = task as { value: string };
    const info = await http.json('GET', `/sdk/vim25/8.0.3.0/Task/${value}/info`);
    expect(info).toMatchObject({ _typeName: 'TaskInfo', state: 'success' });
  });

  it('knows no other objects and no wrong arguments', async () => {
    const http = httpOf(await startHost(site));
    const wrongObject = http.json('POST', CRYPTO_MANAGER.replace('ha-crypto', 'other') + '/ListKeys', {});
    const wrongArgument = http.json('POST', `${CRYPTO_MANAGER}/AddKeys`, { keys: 7 });
    await expect(wrongObject).rejects.toMatchObject({ body: { _typeName: 'ManagedObjectNotFound' } });
    await expect(wrongArgument).rejects.toMatchObject({ status: 500 });
  });
});

describe('REST', () => {
  it('lists its calls to who asks for one that it does not have', async () => {
    const http = httpOf(await startHost(site));
    await expect(http.json('GET', '/api/kpsim/host/nothing')).rejects.toMatchObject({
      status: 404,
      message: expect.stringMatching(
        / GET \/api\/kpsim\/host\/about, POST \/api\/kpsim\/host\?action=reboot, /,
      ) as string,
    });
  });

  it('names the field of a body that is wrong, and never its value', async () => {
    const host = await startHost(site);
    const http = httpOf(host);
    const spec = { ...newMigration(randomUUID()), oneTimeKey: 'c2VjcmV0' };
    const body = { spec, destination: { host: '127.0.0.1', port: 1 } };
    const path = `/api/kpsim/host/migrations/${spec.migrationId}?action=start-send`;
    const error: unknown = await http.json('POST', path, body).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 400, body: { error_type: 'INVALID_ARGUMENT' } });
    expect(JSON.stringify(error)).toContain('oneTimeKey');
    expect(JSON.stringify(error)).not.toContain('c2VjcmV0');
  });

  it.each([
    ['with a NUL character', '/vms\0/app'],
    ['relative to nothing that the caller knows', 'vms/app'],
  ])('refuses a path %s as an invalid argument', async (_what, directory) => {
    const http = httpOf(await startHost(site));
    const body = { directory, datastore: 'datastore1' };
    await expect(http.json('POST', '/api/kpsim/host/vms?action=import', body)).rejects.toMatchObject({
      status: 400,
      body: { error_type: 'INVALID_ARGUMENT' },
    });
  });

  it.each([
    ['POST', '/api/kpsim/host/vms?action=explode', 404],
    ['GET', '/api/kpsim/host/nothing', 404],
    ['POST', '/api/kpsim/host/vms', 400],
    ['GET', '/api/kpsim/host/vms/%F0%28%8C%28', 400],
    ['GET', '/api/kpsim/host/migrations/not-a-uuid', 400],
    ['GET', '/api/esx/trusted-infrastructure/other/services', 400],
    ['GET', '/api/kpsim/host/tpm/endorsement', 400],
  ] as const)('%s %s is %i', async (method, path, status) => {
    const http = httpOf(await startHost(site));
    const answer = await http.raw(method, path);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body.toString())).toHaveProperty('error_type');
  });

  it('keeps trusted services in the form of the ESX API', async () => {
    const host = await startHost(site);
    const http = httpOf(host);
    const path = '/api/esx/trusted-infrastructure/attestation/services';
    const service = {
      address: { hostname: 'ta-1.example', port: 443 },
      trusted_CA: { cert_chain: [site.ca.caPem] },
      group: 'group-1',
    };
    const id = await http.json('POST', path, service);
    expect(await http.json('GET', path)).toEqual([{ ...service, service: id }]);
    expect(await host.client.trustedServices()).toMatchObject({
      attestation: [{ address: 'https://ta-1.example:443', group: 'group-1' }],
    });
    await expect(http.json('POST', path, service)).rejects.toMatchObject({
      body: { error_type: 'ALREADY_EXISTS' },
    });
    await http.json('DELETE', `${path}/${String(id)}`);
    expect(await http.json('GET', path)).toEqual([]);
  });
});

describe('what is observed of requests', () => {
  it('is in the journal by operation, client and outcome, with key material masked', async () => {
    const { host, vmId, key } = await hostWithEncryptedVm(site);
    const spec = newMigration(vmId);
    await faultOf(host.client.startSend({ ...spec, encrypted: false }, { host: '127.0.0.1', port: 9 }));
    await host.client.setNativeProvider({
      provider: 'nkp-1',
      native_spec: { key_id: randomUUID(), key_derivation_key: Buffer.alloc(32, 65).toString('base64') },
    });
    const entries = host.context.journal.entries();
    const text = JSON.stringify(entries);
    expect(entries.map(({ operation, outcome }) => [operation, outcome])).toEqual(
      expect.arrayContaining([
        ['AddKeys', 'success'],
        ['CreateVm', 'success'],
        ['StartSend', 'status 400'],
        ['SetNativeProvider', 'success'],
      ]),
    );
    expect(entries.every(({ client }) => client === 'vc-test')).toBe(true);
    for (const secret of [
      key.keyData,
      spec.oneTimeKey,
      spec.nonce,
      Buffer.alloc(32, 65).toString('base64'),
    ]) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('injected faults', () => {
  it('strike the operation, client and VM that they name', async () => {
    const { host, vmId } = await hostWithEncryptedVm(site);
    const { faults } = host.context;
    faults.add({
      service: 'esx-1',
      operation: 'PowerOnVm',
      object: vmId,
      client: 'vc-test',
      action: { kind: 'error', reason: 'HostCommunication' },
      count: 1,
    });
    expect((await faultOf(host.client.powerOn(vmId))).fault).toBe('HostCommunication');
    expect((await host.client.powerOn(vmId)).powerState).toBe('poweredOn');
  });

  it('can be an error of either dialect', async () => {
    const host = await startHost(site);
    host.context.faults.add({ operation: 'About', action: { kind: 'error', reason: 'SERVICE_UNAVAILABLE' } });
    host.context.faults.add({ operation: 'ListKeys', action: { kind: 'error', reason: 'InvalidState' } });
    await expect(host.client.about()).rejects.toMatchObject({ type: 'SERVICE_UNAVAILABLE' });
    expect((await faultOf(host.client.listKeys())).fault).toBe('InvalidState');
  });

  it('can end the connection after the work was done', async () => {
    const faults = new FaultRegistry();
    const host = await startHost(site, {}, { context: { faults } });
    faults.add({ operation: 'CreateVm', action: { kind: 'truncate' }, count: 1 });
    const call = host.client.createVm({ name: 'a', datastore: 'datastore1', disks: [] });
    await expect(call).rejects.toMatchObject({ code: 'unreachable' });
    expect(await host.client.listVms()).toMatchObject([{ name: 'a' }]);
  });

  it('can reset the connection before anything was done', async () => {
    const host = await startHost(site);
    host.context.faults.add({ operation: 'CreateVm', action: { kind: 'reset' }, count: 1 });
    const call = host.client.createVm({ name: 'a', datastore: 'datastore1', disks: [] });
    await expect(call).rejects.toMatchObject({ code: 'unreachable' });
    expect(await host.client.listVms()).toEqual([]);
  });
});

describe('the life of the service', () => {
  it('is down before it starts and after it stops, and may be stopped twice', async () => {
    const { service } = await startHost(site);
    expect(service.health().status).toBe('ok');
    await service.stop();
    await service.stop();
    expect(service.health().status).toBe('down');
  });

  it('does not start where the port is taken, and leaves nothing open', async () => {
    const host = await startHost(site);
    const port = Number(new URL(host.url).port);
    await expect(startHost(site, { name: 'esx-2', port })).rejects.toMatchObject({ code: 'port_in_use' });
    const vmotion = startHost(site, { name: 'esx-3', vmotionPort: port });
    await expect(vmotion).rejects.toMatchObject({ code: 'port_in_use' });
  });
});
