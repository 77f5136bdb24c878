import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CertificateAuthority } from '../../core/pki/index.js';
import { randomKeyBytes } from '../../core/secret.js';
import { NativeKpStore } from '../../native-kp/store.js';
import { kdkFingerprint, newKeyId } from '../../wire/native-key/index.js';
import { NkpLab } from './lab.js';

let lab: NkpLab;
beforeAll(async () => {
  lab = await NkpLab.start();
});
afterAll(() => lab.close());

const PROVIDERS = '/api/vcenter/crypto-manager/kms/providers';
const ALL = {
  'x-kpsim-user': 'administrator@vsphere.local',
  'x-kpsim-privileges': 'Cryptographer.ManageKeyServers, Cryptographer.ReadKeyServersInfo',
};

async function answerTo(
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT',
  path: string,
  body?: unknown,
  headers: Record<string, string> = ALL,
): Promise<{
  status: number;
  body: { error_type?: string; messages?: { id: string; default_message: string }[] };
}> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await lab.http().raw(method, path, text, {
    ...(text !== undefined && { 'content-type': 'application/json' }),
    ...headers,
  });
  const parsed: unknown = answer.body.length > 0 ? JSON.parse(answer.body.toString()) : {};
  return { status: answer.status, body: parsed as { error_type?: string } };
}

describe('native key providers', () => {
  it('are made, listed, read, changed and deleted', async () => {
    await lab.client.create({ provider: 'life', constraints: { tpm_required: true } });
    expect(await lab.client.list({ providers: ['life'] })).toEqual([
      { provider: 'life', type: 'NATIVE', health: 'ERROR' },
    ]);
    const info = await lab.client.get('life');
    expect(info).toMatchObject({ type: 'NATIVE', constraints: { tpm_required: true } });
    expect(info.native_info?.key_id).toMatch(/^[0-9a-f-]{36}$/);

    const keyId = randomUUID();
    await lab.client.update('life', { native_spec: { key_id: keyId } });
    expect((await lab.client.get('life')).native_info).toEqual({ key_id: keyId });
    await lab.client.update('life', {});
    expect((await lab.client.get('life')).native_info).toEqual({ key_id: keyId });

    await lab.client.delete('life');
    expect(await lab.client.list({ providers: ['life'] })).toEqual([]);
    expect(await answerTo('GET', `${PROVIDERS}/life`)).toMatchObject({ status: 404 });
  });

  it('may be made with a key id and a KDK of the caller, which then are theirs', async () => {
    const kdk = randomKeyBytes(32);
    const native_spec = { key_id: randomUUID(), key_derivation_key: kdk.toString('base64') };
    await lab.client.create({ provider: 'given', native_spec });
    const host = await lab.host('host-given');
    await lab.client.setHosts([host.supplied()]);
    expect(host.held.get('given')).toMatchObject({ key_id: native_spec.key_id, kdk });
    await lab.client.setHosts([]);
  });

  it('are in ERROR until the backup is downloaded, not when it is exported', async () => {
    await lab.client.create({ provider: 'fresh' });
    const before = await lab.client.get('fresh');
    expect(before.health).toBe('ERROR');
    expect(before.details[0]?.id).toMatch(/keyProviderNotBackedUp$/);
    const { location } = await lab.client.export({ provider: 'fresh' });
    expect((await lab.client.get('fresh')).health).toBe('ERROR');
    await lab.client.download('fresh', location.download_token.token);
    expect(await lab.client.get('fresh')).toMatchObject({ health: 'OK', details: [] });
  });

  it('are in WARNING after a change of the key id, until they are backed up again', async () => {
    await lab.client.create({ provider: 'changed' });
    await lab.backUp('changed');
    await lab.client.update('changed', { native_spec: { key_id: randomUUID() } });
    const { health, details } = await lab.client.get('changed');
    expect(health).toBe('WARNING');
    expect(details[0]?.id).toBe('kpsim.nativeKeyProvider.backupOutdated');
    await lab.backUp('changed');
    expect((await lab.client.get('changed')).health).toBe('OK');
  });

  it('are filtered by name and by health', async () => {
    await lab.client.create({ provider: 'filter-a' });
    await lab.client.create({ provider: 'filter-b' });
    await lab.backUp('filter-b');
    const names = ['filter-a', 'filter-b'];
    const found = async (health: 'ERROR' | 'OK'): Promise<string[]> =>
      (await lab.client.list({ providers: names, health: [health] })).map(({ provider }) => provider);
    expect(await found('ERROR')).toEqual(['filter-a']);
    expect(await found('OK')).toEqual(['filter-b']);
    expect(await lab.client.list({ providers: names })).toHaveLength(2);
  });

  it('have a fingerprint that tells KDKs apart and is not one', async () => {
    const kdk = randomKeyBytes(32).toString('base64');
    await lab.client.create({ provider: 'same-1', native_spec: { key_derivation_key: kdk } });
    await lab.client.create({ provider: 'same-2', native_spec: { key_derivation_key: kdk } });
    await lab.client.create({ provider: 'other' });
    const [one, two, other] = await Promise.all(
      ['same-1', 'same-2', 'other'].map(async (name) => (await lab.client.fingerprint(name)).fingerprint),
    );
    expect(one).toBe(two);
    expect(one).not.toBe(other);
    const internal = await lab.client.providers();
    expect(internal.find(({ provider }) => provider === 'same-1')).toMatchObject({
      fingerprint: one,
      has_backup: false,
      tpm_required: false,
      health: 'ERROR',
    });
  });

  it('survive a restart, and so does what is known of their backup', async () => {
    await lab.client.create({ provider: 'kept' });
    await lab.backUp('kept');
    const before = await lab.client.fingerprint('kept');
    await lab.restart();
    expect(await lab.client.fingerprint('kept')).toEqual(before);
    expect((await lab.client.get('kept')).health).toBe('OK');
  });

  it('survive a crash: what was answered is on disk', async () => {
    await lab.client.create({ provider: 'durable' });
    await lab.backUp('durable');
    const dataDir = await mkdtemp(join(tmpdir(), 'kpsim-nkp-crash-'));
    await cp(lab.context.dataDir, dataDir, { recursive: true }); // the files as a killed process leaves them
    const store = await NativeKpStore.open(dataDir);
    const mine = await lab.client.fingerprint('durable');
    expect(store.find('durable')).toMatchObject({ keyId: mine.key_id, backup: 'current' });
    expect(await store.withKdk('durable', kdkFingerprint)).toBe(mine.fingerprint);
    store.close();
    await rm(dataDir, { recursive: true });
  });

  it('cannot be read with another key file, and says so at once', async () => {
    await lab.client.create({ provider: 'sealed' });
    const dataDir = await mkdtemp(join(tmpdir(), 'kpsim-nkp-key-'));
    await cp(lab.context.dataDir, dataDir, { recursive: true });
    const keyFile = join(dataDir, 'at-rest.key');
    await rm(keyFile);
    await expect(NativeKpStore.open(dataDir)).rejects.toMatchObject({ code: 'store_key_invalid' });
    await writeFile(keyFile, randomKeyBytes(32));
    await expect(NativeKpStore.open(dataDir)).rejects.toMatchObject({ code: 'store_key_invalid' });
    await rm(join(dataDir, 'at-rest.check'));
    const store = await NativeKpStore.open(dataDir);
    await expect(store.withKdk('sealed', () => undefined)).rejects.toMatchObject({ code: 'store_corrupt' });
    store.close();
    await rm(dataDir, { recursive: true });
  });

  it.each([
    ['an existing name', { provider: 'twice' }, 'ALREADY_EXISTS'],
    ['an empty name', { provider: '' }, 'INVALID_ARGUMENT'],
    ['a name with a line break', { provider: 'a\nb' }, 'INVALID_ARGUMENT'],
    ['a long name', { provider: 'x'.repeat(81) }, 'INVALID_ARGUMENT'],
    ['a name that URLs lose', { provider: '..' }, 'INVALID_ARGUMENT'],
    ['an unknown field', { provider: 'x', color: 'red' }, 'INVALID_ARGUMENT'],
    ['a key id that is no UUID', { provider: 'x', native_spec: { key_id: 'kdk' } }, 'INVALID_ARGUMENT'],
    [
      'a KDK of 16 bytes',
      { provider: 'x', native_spec: { key_derivation_key: Buffer.alloc(16).toString('base64') } },
      'INVALID_ARGUMENT',
    ],
    [
      'a KDK that is not base64',
      { provider: 'x', native_spec: { key_derivation_key: '§§' } },
      'INVALID_ARGUMENT',
    ],
    ['no body', undefined, 'INVALID_ARGUMENT'],
  ])('are not made with %s', async (_what, body, type) => {
    if (type === 'ALREADY_EXISTS') await lab.client.create({ provider: 'twice' });
    const answer = await answerTo('POST', PROVIDERS, body);
    expect(answer).toMatchObject({ status: 400, body: { error_type: type } });
    expect(answer.body.messages?.[0]?.default_message).toBeTruthy();
  });

  it('say nothing of a secret in their errors', async () => {
    const kdk = Buffer.from('this is a secret of twenty-nine').toString('base64');
    const body = { provider: 'x', native_spec: { key_derivation_key: kdk } };
    expect(JSON.stringify(await answerTo('POST', PROVIDERS, body))).not.toContain(kdk);
  });

  it.each([
    ['GET', `${PROVIDERS}/none`, undefined],
    ['PATCH', `${PROVIDERS}/none`, {}],
    ['DELETE', `${PROVIDERS}/none`, undefined],
    ['POST', `${PROVIDERS}?action=export`, { provider: 'none' }],
    ['GET', '/internal/providers/none/fingerprint', undefined],
    ['GET', '/api/vcenter/crypto-manager/hosts/none/kms/providers', undefined],
  ] as const)('answer 404 to %s %s, which is not there', async (method, path, body) => {
    expect(await answerTo(method, path, body)).toMatchObject({
      status: 404,
      body: { error_type: 'NOT_FOUND' },
    });
  });

  it.each([
    ['POST', `${PROVIDERS}?action=rotate`],
    ['PUT', PROVIDERS],
    ['GET', '/api/vcenter/elsewhere'],
  ] as const)('know no operation %s %s', async (method, path) => {
    expect(await answerTo(method, path)).toMatchObject({
      status: 404,
      body: { error_type: 'OPERATION_NOT_FOUND' },
    });
  });

  it('refuse a query that they do not know', async () => {
    expect(await answerTo('GET', `${PROVIDERS}?color=red`)).toMatchObject({ status: 400 });
    expect(await answerTo('GET', `${PROVIDERS}?health=SPLENDID`)).toMatchObject({ status: 400 });
  });

  it('are at most 32', async () => {
    const full = await NkpLab.start({}, lab.ca);
    try {
      for (let count = 0; count < 32; count += 1) await full.client.create({ provider: `p-${count}` });
      await expect(full.client.create({ provider: 'p-32' })).rejects.toMatchObject({
        status: 400,
        body: { error_type: 'UNSUPPORTED' },
      });
      expect(await full.client.list()).toHaveLength(32);
    } finally {
      await full.close();
    }
  });

  it('derive what the key ids say, for whoever holds the KDK', async () => {
    const host = await lab.host('host-derive');
    await lab.client.create({ provider: 'derive' });
    await lab.client.setHosts([host.supplied()]);
    const { key_id: kdkId } = await lab.client.fingerprint('derive');
    const keyId = newKeyId(kdkId);
    expect(host.derive('derive', keyId)).toHaveLength(32);
    await lab.client.setHosts([]);
  });
});

describe('access', () => {
  it('is for the front door only', async () => {
    const stranger = await lab.ca.issueClient({ commonName: 'esx-1' });
    const path = PROVIDERS;
    expect((await lab.http(ALL, stranger).raw('GET', path)).status).toBe(403);
    const foreignCa = await CertificateAuthority.create({ commonName: 'foreign' });
    const forged = await foreignCa.issueClient({ commonName: 'vc-east' });
    expect((await lab.http(ALL, forged).raw('GET', path)).status).toBe(401);
  });

  it('needs a user', async () => {
    const answer = await answerTo('GET', PROVIDERS, undefined, {});
    expect(answer).toMatchObject({ status: 401, body: { error_type: 'UNAUTHENTICATED' } });
  });

  it.each([
    ['POST', PROVIDERS, 'Cryptographer.ReadKeyServersInfo', 'Cryptographer.ManageKeyServers'],
    ['POST', `${PROVIDERS}?action=export`, '', 'Cryptographer.ManageKeyServers'],
    ['POST', `${PROVIDERS}?action=import`, 'System.View', 'Cryptographer.ManageKeyServers'],
    ['DELETE', `${PROVIDERS}/x`, 'Cryptographer.ReadKeyServersInfo', 'Cryptographer.ManageKeyServers'],
    ['GET', PROVIDERS, 'Cryptographer.ManageKeyServers', 'Cryptographer.ReadKeyServersInfo'],
  ] as const)('to %s %s with %j is refused for want of %s', async (method, path, held, wanted) => {
    const headers = { 'x-kpsim-user': 'reader', 'x-kpsim-privileges': held };
    const answer = await answerTo(method, path, undefined, headers);
    expect(answer).toMatchObject({ status: 403, body: { error_type: 'UNAUTHORIZED' } });
    expect(answer.body.messages?.[0]?.default_message).toContain(wanted);
  });
});

describe('injected faults', () => {
  it('strike one operation of one user', async () => {
    lab.context.faults.add({
      service: 'nkp-east',
      operation: 'kms.providers.list',
      client: 'victim',
      action: { kind: 'error', reason: 'SERVICE_UNAVAILABLE' },
    });
    const victim = lab.clientAs(['Cryptographer.ReadKeyServersInfo'], 'victim');
    await expect(victim.list()).rejects.toMatchObject({ status: 503 });
    await expect(lab.client.list()).resolves.toBeDefined();
    lab.context.faults.clear();
    await victim.close();
  });

  it.each([{ kind: 'reset' }, { kind: 'truncate' }] as const)('break connections: %j', async (action) => {
    lab.context.faults.add({ operation: 'kms.providers.list', action, count: 1 });
    await expect(lab.client.list()).rejects.toMatchObject({ code: 'unreachable' });
    lab.context.faults.clear();
    await expect(lab.client.list()).resolves.toBeDefined();
  });

  it('put a wrong KDK into a backup that otherwise is sound', async () => {
    await lab.client.create({ provider: 'corrupt' });
    lab.context.faults.add({ operation: 'kms.providers.export', action: { kind: 'corrupt' } });
    const file = await lab.backUp('corrupt');
    lab.context.faults.clear();
    const { fingerprint } = await lab.client.fingerprint('corrupt');
    await lab.client.delete('corrupt');
    await lab.client.import({ config: file.toString('base64') });
    expect((await lab.client.fingerprint('corrupt')).fingerprint).not.toBe(fingerprint);
  });
});

describe('the journal', () => {
  it('keeps who did what to which provider', async () => {
    await lab.client.create({ provider: 'noted' });
    await lab.client.list();
    expect(lab.context.journal.entries()).toContainEqual(
      expect.objectContaining({
        operation: 'kms.providers.create',
        client: 'administrator@vsphere.local',
        outcome: 'success',
        details: { object: 'noted', status: 204 },
      }),
    );
  });
});
