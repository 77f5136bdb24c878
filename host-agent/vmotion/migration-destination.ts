import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { errorText } from '../../core/errors.js';
import { listening } from '../../core/http/https-server.js';
import type { Logger } from '../../core/logging.js';
import { zeroise } from '../../core/secret.js';
import { VmotionError } from '../../wire/vmotion/index.js';
import type { OneTimeKey } from '../../wire/vmotion/index.js';
import { VmError } from '../vm/errors.js';
import { exists } from '../vm/file-system.js';
import type { KekResolver, RunningGuest, VirtualMachine } from '../vm/index.js';
import { FrameReader, guardSocket } from './frame-stream.js';
import type { MigrationRecord, MigrationState } from './migration-journal.js';
import { oneTimeKeyOf, parseMigrationSpec } from './migration-spec.js';
import type { MigrationSpec } from './migration-spec.js';
import { wrongState } from './migration-source.js';
import type { MigrationEndOptions } from './migration-source.js';
import { receiveVm } from './receiver.js';
import type { Destination } from './sender.js';

/** What a destination needs beyond {@link MigrationEndOptions}. */
export interface MigrationDestinationOptions extends MigrationEndOptions {
  /** Address and port (0: any free one) to listen on. */
  listen: Destination;
  log: Logger;
  /** A prepared migration waits so long for its source. */
  prepareTimeoutMs: number;
}

/** A migration that this host waits for, or has received in this run. */
interface Incoming {
  record: MigrationRecord;
  spec: MigrationSpec;
  secret: OneTimeKey;
  keys: KekResolver;
  expiresAtMs: number;
  /** Set by the first stream that authenticates. */
  stream?: { socket: Socket; finished: Promise<void> };
  /** A running guest that has arrived, held until the commit. */
  guest?: RunningGuest | undefined;
}

const MAX_INCOMING = 256;
const MAX_CONNECTIONS = 64;
/** So long a peer may take to prove itself with its first frame, however it spreads its bytes; at most the idle time. */
const PROOF_MS = 10_000;
/** So long the sender may take to read the last answer. */
const LINGER_MS = 2000;

/** The destination end of a host's migrations: one plain TCP listener, and one staged folder for each migration. */
export class MigrationDestination {
  readonly #options: MigrationDestinationOptions;
  readonly #incoming = new Map<string, Incoming>();
  readonly #sockets = new Map<Socket, Promise<void>>();
  #server: Server | undefined;

  constructor(options: MigrationDestinationOptions) {
    this.#options = options;
  }

  /**
   * After a restart: what was being received is aborted, and so is a running guest, whose memory is lost. A VM that
   * was received powered off can still be committed; one whose folder has its place already is.
   */
  async recover(): Promise<void> {
    const { journal, store } = this.#options;
    for (const record of journal.list()) {
      if (record.role !== 'destination' || record.state === 'committed') continue;
      const staged = await exists(store.fileSystem, this.#stagedPath(record));
      if (record.state === 'received' && !staged && store.find(record.vmId)) {
        await this.#record(record, 'committed');
      } else if (record.state !== 'received' || !staged || record.live) {
        if (record.state !== 'aborted') await this.#record(record, 'aborted');
        await store.folders.discard(this.#stagedPath(record));
      }
    }
  }

  /** Listens. @throws KpsimError `port_in_use`, `listen_failed` */
  async start(): Promise<Destination> {
    const { host, port } = this.#options.listen;
    const server = createServer((socket) => {
      const work = this.#serve(socket).finally(() => this.#sockets.delete(socket));
      this.#sockets.set(socket, work);
    });
    server.maxConnections = MAX_CONNECTIONS;
    await listening(server, port, host);
    this.#server = server;
    return this.address();
  }

  /** Where this host listens. @throws {VmotionError} `peer_unreachable` if it does not */
  address(): Destination {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    if (address) return { host: this.#options.listen.host, port: address.port };
    throw new VmotionError('peer_unreachable', 'the vMotion listener of this host is not running');
  }

  /** Ends all streams and stops listening. What was received stays received. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server && new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets.keys()) socket.destroy();
    await Promise.allSettled(this.#sockets.values());
    await closed;
    for (const incoming of this.#incoming.values()) {
      await forget(incoming);
    }
    this.#incoming.clear();
  }

  /**
   * Prepares to receive one VM.
   * @param keys gives the keys of an encrypted VM; they are tried when it has arrived, before the source is answered
   * @returns where the source must send to
   * @throws {VmotionError} `spec_invalid`, `migration_state`; {@link VmError} `vm_exists`, `datastore_not_found`
   */
  async prepareReceive(value: unknown, keys: KekResolver): Promise<Destination> {
    const { store, journal, clock, prepareTimeoutMs } = this.#options;
    const spec = parseMigrationSpec(value);
    const address = this.address();
    await this.#expire();
    if (journal.find(spec.migrationId, 'destination')) {
      throw new VmotionError(
        'migration_state',
        'this migration was prepared already; a new attempt needs a new spec',
      );
    }
    if (this.#incoming.size >= MAX_INCOMING) {
      throw new VmotionError(
        'migration_state',
        `this host waits for ${MAX_INCOMING} migrations already; try later`,
      );
    }
    const vmId = spec.target?.id ?? spec.vmId;
    if (store.find(vmId)) throw new VmError('vm_exists', `this host has a VM with id ${vmId} already`);
    const datastore = spec.targetDatastore ?? store.datastoreNames[0] ?? '';
    const { migrationId, kind, live } = spec;
    const record: MigrationRecord = {
      migrationId,
      role: 'destination',
      state: 'prepared',
      kind,
      live,
      vmId,
      datastore,
      updatedAtMs: clock.now(),
    };
    // Named before it is made, so that a wrong datastore is refused before anything is written.
    this.#stagedPath(record);
    await journal.record(record);
    const expiresAtMs = clock.now() + prepareTimeoutMs;
    this.#incoming.set(migrationId, { record, spec, secret: oneTimeKeyOf(spec), keys, expiresAtMs });
    try {
      await store.folders.stage(datastore, stageLabel(migrationId));
    } catch (error) {
      await this.abort(migrationId);
      throw error;
    }
    return address;
  }

  /**
   * Makes a received VM one of this host, with one rename; a guest that arrived running goes on. Idempotent.
   * @throws {VmotionError} `migration_state` unless it was received
   */
  async commitReceive(migrationId: string): Promise<VirtualMachine> {
    const { journal, store } = this.#options;
    const record = journal.find(migrationId, 'destination');
    if (!record)
      throw new VmotionError('migration_state', 'this host is not the destination of such a migration');
    if (record.state === 'committed') return store.get(record.vmId);
    if (record.state !== 'received') throw wrongState(record, 'commit the destination of');
    const incoming = this.#incoming.get(migrationId);
    // The folder may have its place already, when only writing the journal failed the time before.
    const vm =
      store.find(record.vmId) ??
      (await store.publish(this.#stagedPath(record), record.datastore, (published) => {
        if (incoming?.guest) published.adopt(incoming.guest);
      }));
    this.#incoming.delete(migrationId);
    await this.#record(record, 'committed');
    return vm;
  }

  /**
   * Ends a migration for good: nothing of it stays here. Idempotent, and no error for one that is not known.
   * @throws {VmotionError} `migration_state` if it is committed
   */
  async abort(migrationId: string): Promise<void> {
    const { journal, store } = this.#options;
    const incoming = this.#incoming.get(migrationId);
    if (incoming?.stream && journal.find(migrationId, 'destination')?.state === 'prepared') {
      incoming.stream.socket.destroy();
      await incoming.stream.finished;
    }
    const record = journal.find(migrationId, 'destination');
    if (record === undefined || record.state === 'aborted') return;
    if (record.state === 'committed' || store.find(record.vmId)) throw wrongState(record, 'abort');
    await this.#record(record, 'aborted');
    this.#incoming.delete(migrationId);
    if (incoming) await forget(incoming);
    await store.folders.discard(this.#stagedPath(record));
  }

  async #serve(socket: Socket): Promise<void> {
    const { idleTimeoutMs } = this.#options;
    guardSocket(socket, idleTimeoutMs);
    const overdue = setTimeout(
      () => socket.destroy(new VmotionError('peer_unreachable', 'the peer did not prove itself in time')),
      Math.min(PROOF_MS, idleTimeoutMs),
    );
    try {
      const reader = new FrameReader(socket);
      const header = await reader.readStreamHeader();
      const incoming = this.#incoming.get(header.migrationId);
      const expected =
        incoming &&
        !incoming.stream &&
        incoming.spec.encrypted === header.encrypted &&
        !this.#expired(incoming);
      if (!expected) throw new VmotionError('stream_invalid', 'no such migration is prepared on this host');
      await this.#receive(incoming, socket, reader, () => clearTimeout(overdue));
    } catch (error) {
      this.#options.log.warn(
        { reason: errorText(error), peer: socket.remoteAddress },
        'vMotion stream refused',
      );
    } finally {
      clearTimeout(overdue);
      await finish(socket);
    }
  }

  /** @param proven called once the peer has authenticated */
  async #receive(incoming: Incoming, socket: Socket, reader: FrameReader, proven: () => void): Promise<void> {
    const { store } = this.#options;
    const { spec, secret, keys, record } = incoming;
    const work = receiveVm({
      spec,
      secret,
      keys,
      socket,
      reader,
      fileSystem: store.fileSystem,
      directory: this.#stagedPath(record),
      claim: () => {
        if (incoming.stream) throw new VmotionError('stream_invalid', 'another stream was first');
        incoming.stream = { socket, finished: finished.catch(() => undefined) };
        proven();
      },
      received: async (guest) => {
        await this.#record(record, 'received');
        incoming.guest = guest;
      },
      failed: () => this.#fail(incoming),
    });
    const finished = work.finally(() => {
      // A stream that was refused before it proved itself spends nothing.
      if (incoming.stream?.socket === socket) forgetKeys(incoming);
    });
    await finished;
  }

  /** A stream that had begun has failed: its one-time key is spent, so the migration is over. */
  async #fail(incoming: Incoming): Promise<void> {
    const { journal, store } = this.#options;
    const { migrationId } = incoming.record;
    // A receipt that is durable stands, even if the answer did not reach the source: reconciliation decides.
    if (journal.find(migrationId, 'destination')?.state !== 'prepared') return;
    this.#incoming.delete(migrationId);
    await this.#record(incoming.record, 'aborted');
    await store.folders.discard(this.#stagedPath(incoming.record));
  }

  async #expire(): Promise<void> {
    for (const [migrationId, incoming] of this.#incoming) {
      if (!incoming.stream && this.#expired(incoming)) await this.abort(migrationId);
    }
  }

  #expired({ expiresAtMs }: Incoming): boolean {
    return expiresAtMs <= this.#options.clock.now();
  }

  #stagedPath({ datastore, migrationId }: MigrationRecord): string {
    return this.#options.store.folders.stagedPath(datastore, stageLabel(migrationId));
  }

  #record(record: MigrationRecord, state: MigrationState): Promise<void> {
    return this.#options.journal.record({ ...record, state, updatedAtMs: this.#options.clock.now() });
  }
}

function stageLabel(migrationId: string): string {
  return `migration-${migrationId}`;
}

function forgetKeys({ secret }: Incoming): void {
  zeroise(secret.key, secret.nonce);
}

/** Forgets all that is secret of a migration that ends here, a guest that waited for its commit included. */
async function forget(incoming: Incoming): Promise<void> {
  forgetKeys(incoming);
  // Its disks go with the folder: that they could not be made durable does not matter.
  await incoming.guest?.stop().catch(() => undefined);
}

/** Ends a connection so that the other side can still read the answer: unread bytes would make the system reset it. */
async function finish(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume().end();
  });
  socket.destroy();
}
