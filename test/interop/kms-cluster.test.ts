import { afterAll, beforeAll, expect, test } from 'vitest';

import { KmipClient } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import { startLab } from '../../lab/lab.js';
import { topologyOf } from '../../lab/topology/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from '../kms/harness.js';
import { makePki, startKms } from '../kms/harness.js';
import { TestPostgres, postgresql } from './postgres.js';
import { describeWith } from './requires.js';

let pki: TestPki;
let postgres: TestPostgres;

/** Nodes of one new cluster, `kms-1` and on. */
async function startCluster(size: number, config: Partial<KmsConfigInput> = {}): Promise<TestCluster> {
  const store = { ...postgres.freshStore(), connections: 3 };
  const nodes = await Promise.all(
    Array.from({ length: size }, (_, index) => startKms(pki, { name: `kms-${index + 1}`, store, ...config })),
  );
  return {
    nodes,
    client: (options = {}) =>
      new KmipClient({
        servers: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
        tls: { ...pki.east, caPem: pki.authority.caPem },
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

interface TestCluster extends AsyncDisposable {
  readonly nodes: readonly TestKms[];
  client(options?: Partial<ConstructorParameters<typeof KmipClient>[0]>): KmipClient;
}

describeWith(postgresql, 'a key server cluster', () => {
  beforeAll(async () => {
    [pki, postgres] = await Promise.all([makePki(), TestPostgres.start()]);
  });
  afterAll(async () => {
    await postgres[Symbol.asyncDispose]();
  });

  test('what one node has answered, every other knows at once', async () => {
    await using cluster = await startCluster(2);
    const [first, second] = cluster.nodes.map((node) => node.client());
    for (let round = 0; round < 20; round += 1) {
      const id = await first!.create({ name: `shared-${round}` });
      const { keyBytes } = await second!.get(id);
      expect((await first!.get(id)).keyBytes).toEqual(keyBytes);
      expect(
        await second!.locate([
          attributeOf('Name', { value: `shared-${round}`, type: 'UninterpretedTextString' }),
        ]),
      ).toEqual([id]);
      await first!.activate(id);
      expect(await second!.getAttributes(id, ['State'])).toMatchObject([{ value: 'Active' }]);
      await second!.revoke(id);
      await second!.destroy(id);
      // Both have had the key in memory.
      await expect(first!.get(id)).rejects.toMatchObject({ reason: 'ItemNotFound' });
      await expect(second!.get(id)).rejects.toMatchObject({ reason: 'ItemNotFound' });
    }
  });

  test('all changes of one object through all nodes are made, one after another', async () => {
    await using cluster = await startCluster(3);
    const clients = cluster.nodes.map((node) => node.client({ poolSize: 4 }));
    const id = await clients[0]!.create();
    await Promise.all(
      Array.from({ length: 12 }, (_, number) =>
        clients[number % 3]!.addAttribute(id, { name: `x-race-${number}`, value: 'yes' }),
      ),
    );
    const names = await clients[0]!.getAttributeList(id);
    expect(names.filter((name) => name.startsWith('x-race-'))).toHaveLength(12);
  });

  test('of nodes that are asked for one name at once, one gives it', async () => {
    await using cluster = await startCluster(2);
    const clients = cluster.nodes.map((node) => node.client({ poolSize: 4 }));
    for (let round = 0; round < 5; round += 1) {
      const settled = await Promise.allSettled(
        Array.from({ length: 8 }, (_, number) => clients[number % 2]!.create({ name: `only-${round}` })),
      );
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const outcome of settled) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'InvalidField' });
      }
    }
  });

  test('a node that is lost takes nothing with it, and its clients go on with the others', async () => {
    await using cluster = await startCluster(3);
    const client = cluster.client();
    const ids = await Promise.all(Array.from({ length: 10 }, () => client.create()));
    const keys = await Promise.all(ids.map(async (id) => (await client.get(id)).keyBytes));
    await cluster.nodes[0]!.service.stop();
    for (const [index, id] of ids.entries()) expect((await client.get(id)).keyBytes).toEqual(keys[index]);
    await cluster.nodes[1]!.service.stop();
    await expect(client.get(ids[0]!)).resolves.toMatchObject({ keyBytes: keys[0] });
    await client.close();
  });

  test('a topology starts a cluster, and a vCenter uses all of it as one key provider', async () => {
    const { kind: _kind, atRestKeyHex: _key, ...database } = postgres.freshStore();
    await using lab = await startLab(
      topologyOf({
        keyServers: ['kms-1', 'kms-2', 'kms-3'].map((name) => ({ name, database })),
        vcenters: [{ name: 'vc-1' }],
        providers: [
          { kind: 'standard', name: 'cluster', keyServers: ['kms-1', 'kms-2', 'kms-3'], vcenters: ['vc-1'] },
        ],
      }),
    );
    const id = await (await lab.keyServer('kms-1').client()).create();
    await expect((await lab.keyServer('kms-3').client()).get(id)).resolves.toBeDefined();
    lab.faults.add({ service: 'kms-2', action: { kind: 'expiredCertificate' } });
    await expect((await lab.keyServer('kms-2').client()).get(id)).rejects.toThrow(/expired/);
  });

  test('a lab that comes back without its data directory is told what becomes of its database', async () => {
    const { kind: _kind, atRestKeyHex: _key, ...database } = postgres.freshStore();
    const topology = topologyOf({ keyServers: [{ name: 'kms-1', database }] });
    await (await startLab(topology)).stop();
    await expect(startLab(topology)).rejects.toMatchObject({
      code: 'store_key_invalid',
      message: expect.stringMatching(/--data DIR.*another schema.*DROP SCHEMA s_/) as string,
    });
  });

  test('one node lags behind, and the others do not', async () => {
    await using cluster = await startCluster(2);
    const [first, late] = cluster.nodes;
    late!.context.faults.add({ service: 'kms-2', action: { kind: 'lag', lagMs: 60_000 } });
    const id = await first!.client().create();
    await expect(late!.client().getAttributes(id)).rejects.toMatchObject({ reason: 'ItemNotFound' });
    await expect(first!.client().getAttributes(id)).resolves.toBeDefined();
    late!.context.faults.clear();
    await expect(late!.client().getAttributes(id)).resolves.toBeDefined();
  });

  test('while the database is away requests are refused with what to do, and then the nodes go on by themselves', async () => {
    await using cluster = await startCluster(1);
    const [node] = cluster.nodes;
    const client = node!.client();
    const id = await client.create();
    await client.get(id);
    await postgres.down();
    try {
      const refusal = {
        reason: 'GeneralFailure',
        message: expect.stringMatching(/tries again by itself/) as string,
      };
      await expect(client.get(id)).rejects.toMatchObject(refusal);
      await expect(client.create()).rejects.toMatchObject(refusal);
      expect(node!.service.health()).toMatchObject({ status: 'down' });
    } finally {
      await postgres.up();
    }
    await expect.poll(() => node!.service.health().status).toBe('ok');
    await expect(client.get(id)).resolves.toBeDefined();
    await expect(client.create()).resolves.toBeTypeOf('string');
  });
});
