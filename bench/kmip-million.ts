/**
 * Whether a key server with a million keys is as quick as one with a thousand: time to Ready, Get by random identifier
 * once the keys are in memory, Locate by name, resident memory. Both servers run as users run them, and their rounds
 * alternate, so that other work of the machine falls on both. `npm run bench:kmip-million`, or `-- --data DIR` to keep
 * the filled stores.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { makePrivateDir } from '../core/data-dir.js';
import type { KmipClient } from '../kms/client.js';
import { SqliteKmsStore } from '../kms/index.js';
import type { ManagedObject } from '../kms/objects/managed-object.js';
import { ManagedObject as Managed } from '../kms/objects/managed-object.js';
import { ObjectRepository } from '../kms/objects/repository.js';
import { attributeOf } from '../wire/kmip/index.js';
import { KmsProcess } from './kms-process.js';

/** Instance name of a key server, and so the directory of its store. */
const INSTANCE = 'kms-1';
const FILL_BATCH = 2000;
const CONNECTIONS = [1, 16] as const;
/** Rounds of each measurement; the quietest counts, for the machine's other work only ever makes a round slower. */
const ROUNDS = 5;
const NOTHING_CACHED = { cachedObjects: 0, cachedBytes: 0, cachedKeys: 0 } as const;
const NAME_TYPE = 'UninterpretedTextString';

/** Milliseconds that requests took. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** What was measured of one store. */
export interface StoreResult {
  readonly keys: number;
  readonly startMs: number;
  /** From the start until the keys are in memory, while the machine does nothing else. */
  readonly loadedMs: number;
  readonly residentMiB: number;
  /** By number of connections. */
  readonly get: Readonly<Record<number, Latency>>;
  readonly locate: Readonly<Record<number, Latency>>;
}

/** What {@link millionKeys} measured. */
export interface MillionKeysResult {
  readonly small: StoreResult;
  readonly large: StoreResult;
  /** p99 of the large store by that of the small one, by number of connections. */
  readonly ratio: {
    readonly get: Readonly<Record<number, number>>;
    readonly locate: Readonly<Record<number, number>>;
  };
}

/** Choices for {@link millionKeys}. */
export interface MillionKeysOptions {
  readonly small?: number | undefined;
  readonly large?: number | undefined;
  /** Requests of a round, over all connections. */
  readonly requests?: number | undefined;
  /** Keeps the stores here and uses those that are there; a temporary directory without. */
  readonly dataDir?: string | undefined;
  readonly print?: ((line: string) => void) | undefined;
}

/** Fills two stores, runs a key server on each, and measures. */
export async function millionKeys(options: MillionKeysOptions = {}): Promise<MillionKeysResult> {
  const { small = 1000, large = 1_000_000, requests = 4000, print = () => undefined } = options;
  const root = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'kpsim-million-')));
  try {
    const targets = [await Target.open(root, small, print), await Target.open(root, large, print)] as const;
    try {
      const [smallResult, largeResult] = await measure(targets, requests);
      return { small: smallResult, large: largeResult, ratio: ratiosOf(smallResult, largeResult) };
    } finally {
      for (const target of targets) await target.server.stop();
    }
  } finally {
    if (options.dataDir === undefined) await rm(root, { recursive: true, force: true });
  }
}

/** A filled store and the server that runs on it. */
class Target {
  readonly keys: number;
  readonly server: KmsProcess;
  readonly clients: ReadonlyMap<number, KmipClient>;
  readonly ids: readonly string[];
  readonly loadedMs: number;

  private constructor(target: Pick<Target, 'keys' | 'server' | 'clients' | 'ids' | 'loadedMs'>) {
    this.keys = target.keys;
    this.server = target.server;
    this.clients = target.clients;
    this.ids = target.ids;
    this.loadedMs = target.loadedMs;
  }

  static async open(root: string, keys: number, print: (line: string) => void): Promise<Target> {
    const dataDir = await makePrivateDir(join(root, `${keys}-keys`));
    const filled = join(dataDir, INSTANCE, 'kms.db');
    const isThere = await access(filled).then(
      () => true,
      () => false,
    );
    if (!isThere) await fill(dataDir, keys, print);
    const server = await KmsProcess.start(dataDir);
    const loadedMs = await server.whenLoaded();
    const clients = new Map<number, KmipClient>();
    for (const poolSize of CONNECTIONS) clients.set(poolSize, await server.client({ poolSize }));
    return new Target({ keys, server, clients, ids: await someIds(dataDir), loadedMs });
  }
}

/** Writes keys such as the server itself makes, through its own encoder and store. */
async function fill(dataDir: string, keys: number, print: (line: string) => void): Promise<void> {
  const started = performance.now();
  const model = await modelKey(dataDir);
  const store = await SqliteKmsStore.open(join(dataDir, INSTANCE));
  const repository = new ObjectRepository(store, NOTHING_CACHED);
  for (let made = 1; made < keys; made += FILL_BATCH) {
    const lease = repository.beginRequest();
    const count = Math.min(FILL_BATCH, keys - made);
    await repository.commit(
      Array.from({ length: count }, (_, index) => ({
        before: undefined,
        after: likeness(model, made + index),
      })),
    );
    repository.endRequest(lease);
  }
  await store.close();
  const seconds = (performance.now() - started) / 1000;
  print(`filled ${keys} keys in ${seconds.toFixed(0)} s, ${Math.round(keys / seconds)}/s`);
}

/** One key as vCenter has it made, tagged, fetched and activated. */
async function modelKey(dataDir: string): Promise<ManagedObject> {
  await using server = await KmsProcess.start(dataDir);
  const client = await server.client();
  const id = await client.create({ name: nameOf(0) });
  await client.addAttributes(id, [
    { name: 'x-Product_Version', value: '8.0.3 build-24022510' },
    { name: 'x-Vendor', value: 'VMware, Inc.' },
    { name: 'x-Product', value: 'VMware vSphere' },
  ]);
  await client.get(id);
  await client.activate(id);
  await server.stop();
  const store = await SqliteKmsStore.open(join(dataDir, INSTANCE));
  const model = await new ObjectRepository(store, NOTHING_CACHED).read(id);
  // Sealed values can be opened as long as their store is.
  if (!model?.value) throw new Error('the model key is gone');
  await store.close();
  return model;
}

/** Another key like the model, with name, material and digest of its own. */
function likeness(model: ManagedObject, number: number): ManagedObject {
  if (model.value?.objectType !== 'SymmetricKey') throw new Error('the model is no symmetric key');
  const { keyBlock } = model.value;
  return new Managed({
    uniqueIdentifier: randomUUID(),
    owner: model.owner,
    objectType: model.objectType,
    attributes: model.attributes,
    revision: 0,
    value: { ...model.value, keyBlock: { ...keyBlock, keyValue: { keyMaterial: randomBytes(32) } } },
  })
    .withInstances('Name', [{ index: 0, value: { value: nameOf(number), type: NAME_TYPE } }])
    .with({ Digest: { hashingAlgorithm: 'SHA_256', digestValue: randomBytes(32), keyFormatType: 'Raw' } });
}

function nameOf(number: number): string {
  return `vm-key-${number}`;
}

/** Identifiers spread evenly over the order of creation. */
async function someIds(dataDir: string): Promise<string[]> {
  // A snapshot does not disturb the server that has the store open.
  const store = await SqliteKmsStore.open(join(dataDir, INSTANCE));
  try {
    const count = await store.count();
    const wanted = Math.min(count, 20_000);
    const ids: string[] = [];
    for (let index = 0; index < wanted; index += 1) {
      const before = Math.floor((count * (index + 1)) / wanted) + 1;
      const [found] = await store.find({ owner: undefined, terms: [], limit: 1, before });
      if (found) ids.push(found.uniqueIdentifier);
    }
    return ids;
  } finally {
    await store.close();
  }
}

interface Measured {
  readonly get: Record<number, Latency>;
  readonly locate: Record<number, Latency>;
}

async function measure(
  targets: readonly [Target, Target],
  requests: number,
): Promise<readonly [StoreResult, StoreResult]> {
  const results = targets.map((): Measured => ({ get: {}, locate: {} }));
  for (const connections of CONNECTIONS) {
    for (const operation of ['get', 'locate'] as const) {
      for (let round = 0; round <= ROUNDS; round += 1) {
        for (const [index, target] of targets.entries()) {
          const latency = await OPERATIONS[operation](target, connections, requests);
          const best = results[index]?.[operation];
          // The first round warms up compiler and page cache.
          if (round === 0 || !best) continue;
          const known = best[connections];
          if (!known || latency.p99 < known.p99) best[connections] = latency;
        }
      }
    }
  }
  const [small, large] = targets;
  return [await resultOf(small, results[0]), await resultOf(large, results[1])];
}

async function resultOf(
  { keys, server, loadedMs }: Target,
  measured: Measured | undefined,
): Promise<StoreResult> {
  if (!measured) throw new Error('nothing was measured');
  const residentMiB = Math.round((await server.residentBytes()) / 2 ** 20);
  return {
    keys,
    startMs: Math.round(server.startMs),
    loadedMs: Math.round(loadedMs),
    residentMiB,
    ...measured,
  };
}

const OPERATIONS = {
  get: (target: Target, connections: number, requests: number) =>
    latencyOf(target, connections, requests, async (client) => {
      await client.getObject(pick(target.ids));
    }),
  locate: (target: Target, connections: number, requests: number) =>
    latencyOf(target, connections, requests, async (client) => {
      const name = nameOf(Math.floor(Math.random() * target.keys));
      const found = await client.locate([attributeOf('Name', { value: name, type: NAME_TYPE })]);
      if (found.length !== 1) throw new Error(`${found.length} keys are named ${name}`);
    }),
};

async function latencyOf(
  target: Target,
  connections: number,
  requests: number,
  perform: (client: KmipClient) => Promise<void>,
): Promise<Latency> {
  const client = target.clients.get(connections);
  if (!client) throw new Error(`no client with ${connections} connections`);
  const times: number[] = [];
  await Promise.all(
    Array.from({ length: connections }, async () => {
      for (let count = 0; count < requests / connections; count += 1) {
        const started = performance.now();
        await perform(client);
        times.push(performance.now() - started);
      }
    }),
  );
  times.sort((left, right) => left - right);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

function pick(ids: readonly string[]): string {
  return ids[Math.floor(Math.random() * ids.length)] ?? '';
}

function ratiosOf(small: StoreResult, large: StoreResult): MillionKeysResult['ratio'] {
  const of = (operation: 'get' | 'locate'): Record<number, number> =>
    Object.fromEntries(
      CONNECTIONS.map((connections) => [
        connections,
        (large[operation][connections]?.p99 ?? 0) / (small[operation][connections]?.p99 ?? 1),
      ]),
    );
  return { get: of('get'), locate: of('locate') };
}

/** The measurements as lines of text. */
export function millionKeysReport({ small, large, ratio }: MillionKeysResult): string[] {
  const ms = (latency: Latency | undefined): string =>
    `p50 ${latency?.p50.toFixed(2) ?? '-'} ms  p99 ${latency?.p99.toFixed(2) ?? '-'} ms`;
  const lines = [small, large].map(
    ({ keys, startMs, loadedMs, residentMiB }) =>
      `${keys} keys: Ready after ${startMs} ms, all in memory after ${(loadedMs / 1000).toFixed(1)} s, ${residentMiB} MiB resident`,
  );
  for (const operation of ['get', 'locate'] as const) {
    for (const connections of CONNECTIONS) {
      lines.push(
        `${operation === 'get' ? 'Get' : 'Locate by name'}, ${connections} connections: ` +
          `${ms(small[operation][connections])} with ${small.keys}; ${ms(large[operation][connections])} with ${large.keys}; ` +
          `p99 ratio ${ratio[operation][connections]?.toFixed(2) ?? '-'}`,
      );
    }
  }
  return lines;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { data: { type: 'string' }, large: { type: 'string' }, requests: { type: 'string' } },
  });
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const result = await millionKeys({
    dataDir: values.data,
    large: values.large === undefined ? undefined : Number(values.large),
    requests: values.requests === undefined ? undefined : Number(values.requests),
    print,
  });
  for (const line of millionKeysReport(result)) print(line);
}
