import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { beforeAll, describe, expect, test, vi } from 'vitest';

import { createLogger } from '../../core/logging.js';
import { KmipConnectionError } from '../../kms/client.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';
import { requestBytes } from '../../kms/client/session.js';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

describe('an injected fault', () => {
  test('answers with the reason asked for, as often as asked for, for the client and object named', async () => {
    await using kms = await startKms(pki);
    const client = kms.client();
    const id = await client.create();
    const action = { kind: 'error', reason: 'General Failure' } as const;
    kms.context.faults.add({
      service: 'kms-1',
      operation: 'Get',
      client: 'vc-east',
      object: id,
      count: 1,
      action,
    });
    await expect(kms.client({}, pki.west).get(id)).resolves.toBeDefined();
    await expect(client.get(id)).rejects.toMatchObject({ reason: 'GeneralFailure' });
    await expect(client.get(id)).resolves.toBeDefined();
  });

  test('drops an answer before or after the change is made', async () => {
    await using kms = await startKms(pki);
    const client = kms.client({ timeoutMs: 150 });
    const before = kms.context.faults.add({ operation: 'Create', action: { kind: 'drop', when: 'before' } });
    await expect(client.create()).rejects.toBeInstanceOf(KmipConnectionError);
    kms.context.faults.remove(before.id);
    expect(await client.locate()).toEqual([]);
    const after = kms.context.faults.add({ operation: 'Create', action: { kind: 'drop', when: 'after' } });
    await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: true });
    kms.context.faults.remove(after.id);
    expect(await client.locate()).toHaveLength(1);
  });

  test.each([{ kind: 'reset' }, { kind: 'truncate' }] as const)(
    'cuts the connection: $kind',
    async (action) => {
      await using kms = await startKms(pki);
      kms.context.faults.add({ operation: 'Create', count: 1, action });
      const client = kms.client();
      await expect(client.create()).rejects.toBeInstanceOf(KmipConnectionError);
      await expect(client.create()).resolves.toBeTypeOf('string');
    },
  );

  test.each([
    { kind: 'reset' },
    { kind: 'hangUp' },
    { kind: 'truncate' },
    { kind: 'corrupt' },
    { kind: 'drop', when: 'before' },
  ] as const)('is seen in journal and metrics also where nothing good is answered: $kind', async (action) => {
    await using kms = await startKms(pki);
    const { id } = kms.context.faults.add({ operation: 'Create', count: 1, action });
    await kms
      .client({ timeoutMs: 150 })
      .create()
      .catch(() => undefined);
    expect(kms.context.journal.entries()).toContainEqual(
      expect.objectContaining({
        operation: 'Create',
        client: 'vc-east',
        outcome: `injected fault: ${action.kind}`,
        details: { fault: id, kind: action.kind },
      }),
    );
    expect(await kms.context.metrics.render()).toContain(
      `kpsim_faults_injected_total{service="kms-1",kind="${action.kind}"} 1`,
    );
  });

  test('delays one client without delaying another', async () => {
    await using kms = await startKms(pki);
    const order: string[] = [];
    kms.context.faults.add({ client: 'vc-east', action: { kind: 'delay', delayMs: 300 } });
    const slow = kms
      .client()
      .create()
      .then(() => order.push('delayed'));
    await kms
      .client({}, pki.west)
      .create()
      .then(() => order.push('other'));
    await slow;
    expect(order).toEqual(['other', 'delayed']);
  });

  test('corrupts key material on the way out, never in the store', async () => {
    await using kms = await startKms(pki);
    const client = kms.client();
    const id = await client.create();
    const right = (await client.get(id)).keyBytes;
    kms.context.faults.add({ operation: 'Get', count: 1, action: { kind: 'corrupt' } });
    const wrong = (await client.get(id)).keyBytes;
    expect(wrong).toHaveLength(right.length);
    expect(wrong.equals(right)).toBe(false);
    expect((await client.get(id)).keyBytes).toEqual(right);
  });
});

test('a change that cannot be stored is answered with General Failure, never with success', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  await client.create();
  const failing = vi.spyOn(SqliteKmsStore.prototype, 'commit').mockRejectedValue(new Error('disk full'));
  await expect(client.create()).rejects.toMatchObject({ reason: 'GeneralFailure' });
  failing.mockRestore();
  expect(await client.locate()).toHaveLength(1);
});

test('key material and passwords reach no file, journal entry or log line', async () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('latin1'));
      done();
    },
  });
  const log = createLogger({ name: 'kms-1', level: 'trace', stream });
  await using kms = await startKms(
    pki,
    { credentials: [{ username: 'u', password: 'canary-password' }] },
    { log },
  );
  const client = kms.client({ credential: { username: 'u', password: 'canary-password' } });
  const canary = Buffer.from('canary-key-material-of-32-bytes!');
  const id = await client.register(
    {
      objectType: 'SymmetricKey',
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial: canary },
        cryptographicAlgorithm: 'AES',
        cryptographicLength: 256,
      },
    },
    { attributes: [{ name: 'CryptographicUsageMask', value: 12 }] },
  );
  expect((await client.get(id)).keyBytes).toEqual(canary);
  await expect(client.get('nothing')).rejects.toThrow();
  await using raw = await RawClient.open(pki, kms.port);
  // A Get whose payload is damaged, so that errors are told as well.
  const damaged = requestBytes({ protocolVersion: '1.4' }, [
    { operation: 'Get', payload: { uniqueIdentifier: id } },
  ]);
  damaged[damaged.length - 1] = 0xff;
  await raw.exchange(damaged);

  const secrets = ['canary-key', 'canary-password', canary.toString('hex'), canary.toString('base64')];
  const journal = JSON.stringify(kms.context.journal.entries());
  expect(journal).toContain(id);
  for (const secret of secrets) {
    expect(journal).not.toContain(secret);
    expect(lines.join('\n')).not.toContain(secret);
  }
  for (const name of await readdir(kms.context.dataDir)) {
    const content = await readFile(join(kms.context.dataDir, name));
    for (const secret of [...secrets, canary]) expect(content.includes(secret), name).toBe(false);
  }
});
