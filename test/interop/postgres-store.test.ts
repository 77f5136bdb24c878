import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { silentLogger } from '../../core/logging.js';
import { kmsConfigSchema } from '../../kms/config.js';
import { PostgresKmsStore } from '../../kms/postgres/store.js';
import type { KmsStore, StoreChange } from '../../kms/store.js';
import { StoreUnavailable } from '../../kms/store.js';
import { storeContract } from '../kms/store-contract.js';
import { TestPostgres, postgresql } from './postgres.js';
import { describeWith } from './requires.js';

let postgres: TestPostgres;

type StoreConfig = ReturnType<TestPostgres['freshStore']>;

function openStore(config: StoreConfig): Promise<PostgresKmsStore> {
  return PostgresKmsStore.open(kmsConfigSchema.shape.store.parse(config) as never, silentLogger);
}

function insert(uniqueIdentifier: string, value = Buffer.from('key')): StoreChange {
  return {
    uniqueIdentifier,
    expectedRevision: 0,
    terms: [],
    formerTerms: [],
    claims: [],
    formerClaims: [],
    object: {
      uniqueIdentifier,
      owner: 'lab',
      objectType: 'SymmetricKey',
      revision: 1,
      attributes: Buffer.from('attributes'),
      value,
    },
  };
}

describeWith(postgresql, 'PostgreSQL', () => {
  beforeAll(async () => {
    postgres = await TestPostgres.start();
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });

  storeContract('PostgreSQL', async () => {
    const config = postgres.freshStore();
    const opened: KmsStore[] = [];
    const open = async (): Promise<KmsStore> => {
      const store = await openStore(config);
      opened.push(store);
      return store;
    };
    return {
      store: await open(),
      reopen: open,
      async [Symbol.asyncDispose]() {
        for (const store of opened) await store.close();
      },
    };
  });

  test('ten nodes that start at once make one schema', async () => {
    const config = postgres.freshStore();
    const nodes = await Promise.all(
      Array.from({ length: 10 }, () => openStore({ ...config, connections: 2 })),
    );
    await Promise.all(nodes.map((node, number) => node.commit([insert(`object-${number}`)])));
    expect(await nodes[0]!.count()).toBe(10);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('nodes that change the same objects in different orders wait for each other, and each change is made once', async () => {
    const config = postgres.freshStore();
    const nodes = await Promise.all([openStore(config), openStore(config)]);
    const names = Array.from({ length: 8 }, (_, number) => `object-${number}`);
    await nodes[0].commit(names.map((name) => insert(name)));
    const bump = (node: KmsStore, order: readonly string[], revision: number) =>
      node.commit(
        order.map((name) => ({
          ...insert(name),
          expectedRevision: revision,
          object: { ...insert(name).object!, revision: revision + 1 },
        })),
      );
    for (let revision = 1; revision <= 10; revision += 1) {
      const settled = await Promise.allSettled([
        bump(nodes[0], names, revision),
        bump(nodes[1], [...names].reverse(), revision),
      ]);
      expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
    expect((await nodes[0].read('object-3'))?.revision).toBe(11);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test('a node with another at-rest key does not start', async () => {
    const config = postgres.freshStore();
    const store = await openStore(config);
    await store.close();
    const atRestKeyHex = randomBytes(32).toString('hex');
    await expect(openStore({ ...config, atRestKeyHex })).rejects.toMatchObject({ code: 'store_key_invalid' });
    const { atRestKeyHex: _, ...rest } = config;
    await expect(openStore({ ...rest, atRestKeyFile: '/nonexistent/key' })).rejects.toMatchObject({
      code: 'store_key_invalid',
    });
  });

  test('a database that cannot be reached keeps a node from starting', async () => {
    await expect(openStore({ ...postgres.freshStore(), host: '/nonexistent' })).rejects.toMatchObject({
      code: 'store_unusable',
    });
  });

  test('key material is in no file of the database', async () => {
    const store = await openStore(postgres.freshStore());
    const canary = `canary-${randomBytes(8).toString('hex')}`;
    await store.commit([insert('sealed', Buffer.from(`secret-${canary}`)), insert(`open-${canary}`)]);
    expect((await store.read('sealed'))?.value?.open().toString()).toBe(`secret-${canary}`);
    expect(await postgres.filesWith(`secret-${canary}`)).toEqual([]);
    // The search itself works: an identifier is stored in plain.
    expect(await postgres.filesWith(`open-${canary}`)).not.toEqual([]);
    await store.close();
  });

  test('requests fail while the database is away, and succeed when it is back', async () => {
    const config = postgres.freshStore();
    const store = await openStore(config);
    await store.commit([insert('before')]);
    await postgres.down();
    try {
      await expect(store.read('before')).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(store.commit([insert('meanwhile')])).rejects.toBeInstanceOf(StoreUnavailable);
      await expect(store.find({ owner: 'lab', terms: [], limit: 9 })).rejects.toBeInstanceOf(
        StoreUnavailable,
      );
      expect(store.problem()).toMatch(/database/);
    } finally {
      await postgres.up();
    }
    await expect.poll(() => store.problem()).toBeUndefined();
    expect((await store.read('before'))?.revision).toBe(1);
    await store.commit([insert('after')]);
    expect(await store.read('meanwhile')).toBeUndefined();
    await store.close();
  });
});
