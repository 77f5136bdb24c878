import { beforeAll, expect, test } from 'vitest';

import { KmipClient, KmipConnectionError } from '../../kms/client.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const tls = () => ({ ...pki.east, caPem: pki.authority.caPem });

test('a client passes over a server that is down', async () => {
  await using kms = await startKms(pki);
  await using gone = await startKms(pki);
  await gone.stop();
  const servers = [
    { host: '127.0.0.1', port: gone.port },
    { host: '127.0.0.1', port: kms.port },
  ];
  const client = new KmipClient({ servers, tls: tls() });
  await expect(client.create()).resolves.toBeTypeOf('string');
  await client.close();
});

test('a client says which servers it tried when all are down', async () => {
  await using gone = await startKms(pki);
  await gone.stop();
  const server = { host: '127.0.0.1', port: gone.port };
  const client = new KmipClient({ servers: [server, server], tls: tls() });
  await expect(client.create()).rejects.toThrow(new RegExp(`127.0.0.1:${gone.port}.*127.0.0.1:${gone.port}`));
  await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: false });
  await client.close();
});

test('a read goes on over a new connection when the server was restarted, a change does not', async () => {
  await using first = await startKms(pki);
  const client = new KmipClient({ servers: [{ host: '127.0.0.1', port: first.port }], tls: tls() });
  const id = await client.create();
  await first.service.stop();
  await using second = await startKms(pki, { port: first.port }, { dataDir: first.context.dataDir });
  expect(second.port).toBe(first.port);
  await expect(client.get(id)).resolves.toBeDefined();
  await client.close();
});

test('a read that one server does not answer is asked of the next, which is preferred from then on', async () => {
  await using silent = await startKms(pki, { name: 'kms-1' });
  await using good = await startKms(pki, { name: 'kms-2' });
  const servers = [silent, good].map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new KmipClient({ servers, tls: tls(), timeoutMs: 300 });
  const fault = silent.context.faults.add({ action: { kind: 'drop', when: 'before' } });
  await expect(client.query(['QueryObjects'])).resolves.toBeDefined();
  expect(silent.context.faults.list()).toMatchObject([{ id: fault.id, hits: 1 }]);
  await expect(client.query(['QueryObjects'])).resolves.toBeDefined();
  expect(silent.context.faults.list()).toMatchObject([{ hits: 1 }]);
  await client.close();
});

test('a change that is not answered is reported, and not repeated anywhere', async () => {
  await using silent = await startKms(pki, { name: 'kms-1' });
  await using good = await startKms(pki, { name: 'kms-2' });
  const servers = [silent, good].map(({ port }) => ({ host: '127.0.0.1', port }));
  const client = new KmipClient({ servers, tls: tls(), timeoutMs: 300 });
  silent.context.faults.add({ action: { kind: 'drop', when: 'after' } });
  await expect(client.create()).rejects.toMatchObject({ mayHaveBeenPerformed: true });
  expect(await good.client().locate()).toEqual([]);
  // The next one goes to the server that answers.
  await client.create();
  expect(await good.client().locate()).toHaveLength(1);
  await client.close();
});

test('no more connections are opened than the pool allows', async () => {
  await using kms = await startKms(pki);
  const client = kms.client({ poolSize: 2 });
  await Promise.all(Array.from({ length: 20 }, () => client.create()));
  expect(await kms.context.metrics.render()).toMatch(/^kmip_connections 2$/m);
});

test('a closed client refuses requests', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  await client.create();
  await client.close();
  await expect(client.create()).rejects.toBeInstanceOf(KmipConnectionError);
});
