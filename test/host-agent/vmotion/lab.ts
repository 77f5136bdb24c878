import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { VmStore } from '../../../host-agent/vm/index.js';
import type { FileSystem, KekResolver, VirtualMachine } from '../../../host-agent/vm/index.js';
import { reconcileMigration, VmotionEngine } from '../../../host-agent/vmotion/index.js';
import type { Destination, MigrationSpec, VmotionEngineOptions } from '../../../host-agent/vmotion/index.js';

/** One host: its VMs and its vMotion. */
export interface Host {
  root: string;
  store: VmStore;
  engine: VmotionEngine;
  address: Destination;
  /** Ends it as the failure of a machine does, for the files' part. */
  stop: () => Promise<void>;
}

/** Starts a host on a folder; stopped when the test ends. */
export async function startHost(
  root: string,
  { fileSystem, ...options }: Partial<VmotionEngineOptions> & { fileSystem?: FileSystem } = {},
): Promise<Host> {
  const store = await VmStore.open({
    datastores: [{ name: 'ds1', path: join(root, 'ds1') }],
    guestMemoryLimitMiB: 4,
    ...(fileSystem ? { fileSystem } : {}),
  });
  const engine = await VmotionEngine.open({
    store,
    journalDirectory: join(root, 'migrations'),
    idleTimeoutMs: 5000,
    ...options,
  });
  const address = await engine.start();
  const stop = async (): Promise<void> => {
    await engine.stop();
    await store.stopAll();
  };
  onTestFinished(stop);
  return { root, store, engine, address, stop };
}

/** A spec as a vCenter makes it. */
export function newSpec(vmId: string, changes: Partial<MigrationSpec> = {}): MigrationSpec {
  return {
    migrationId: randomUUID(),
    oneTimeKey: randomBytes(32).toString('base64'),
    nonce: randomBytes(8).toString('base64'),
    encrypted: true,
    kind: 'migrate',
    live: false,
    vmId,
    ...changes,
  };
}

/** A VM from an image of that content. */
export async function createVm(host: Host, image: Buffer, name = 'app'): Promise<VirtualMachine> {
  const path = join(host.root, `${randomUUID()}.raw`);
  await writeFile(path, image);
  return host.store.createVmFromRaw({ name, image: path, memoryMiB: 4 });
}

/** The whole of a migration in its right order, as a vCenter does it. */
export async function migrate(
  source: Host,
  destination: Host,
  spec: MigrationSpec,
  keys: KekResolver,
): Promise<VirtualMachine> {
  const address = await destination.engine.prepareReceive(spec, keys);
  await source.engine.startSend(spec, address);
  const vm = await destination.engine.commitReceive(spec.migrationId);
  await source.engine.commitSend(spec.migrationId);
  return vm;
}

/** Settles a migration between two hosts. */
export function reconcile(
  source: Host,
  destination: Host,
  migrationId: string,
): Promise<'committed' | 'aborted'> {
  return reconcileMigration(
    {
      state: () => Promise.resolve(source.engine.migrationState(migrationId).source),
      abort: () => source.engine.abort(migrationId),
      commitSend: () => source.engine.commitSend(migrationId),
    },
    {
      state: () => Promise.resolve(destination.engine.migrationState(migrationId).destination),
      abort: () => destination.engine.abort(migrationId),
    },
  );
}

/** What a proxy does with the bytes that pass. */
export interface Tap {
  toDestination?: (bytes: Buffer, downstream: Socket) => Buffer | undefined;
  /** Everything that passed, both ways. */
  recorded: Buffer[];
}

/** A proxy before a destination, closed when the test ends. */
export async function startProxy(destination: Destination, tap: Tap): Promise<Destination> {
  const sockets = new Set<Socket>();
  const server = createServer((upstream) => {
    const downstream = connect(destination);
    for (const socket of [upstream, downstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    upstream.on('data', (bytes) => {
      tap.recorded.push(bytes);
      const passed = tap.toDestination ? tap.toDestination(bytes, downstream) : bytes;
      if (passed) downstream.write(passed);
    });
    downstream.on('data', (bytes) => {
      tap.recorded.push(bytes);
      upstream.write(bytes);
    });
    upstream.on('close', () => downstream.destroy());
    downstream.on('close', () => upstream.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}
