import { join } from 'node:path';

import type { ServiceContext } from '../../core/context.js';
import { VimFault } from '../../wire/vim25/index.js';
import type {
  CryptoKeyId,
  IncomingVm,
  MigrationState,
  ReceiveReady,
  SendResult,
  VmInfo,
} from '../api/results.js';
import { vmFaultOf } from '../api/faults.js';
import { capabilitiesOf } from '../config.js';
import type { HostAgentConfig } from '../config.js';
import type { CryptoModeMachine } from '../crypto/mode.js';
import { keyIdText } from '../keys/key-id.js';
import type { HostMetrics } from '../metrics.js';
import type { KeyRing, LentKeys } from '../keys/key-ring.js';
import type { VmStore } from '../vm/index.js';
import { VmotionEngine, VmotionError } from '../vmotion/index.js';
import type { Destination, MigrationSpec } from '../vmotion/index.js';
import type { VmOperations } from './vm-operations.js';

/** What {@link Migrations} stand on. */
export interface MigrationsOptions {
  readonly config: HostAgentConfig;
  readonly context: ServiceContext;
  readonly store: VmStore;
  readonly keys: KeyRing;
  readonly mode: CryptoModeMachine;
  readonly vms: VmOperations;
  readonly metrics: HostMetrics;
}

type HeldKeys = LentKeys & { release(): void };

/**
 * vMotion as the API offers it: keys are obtained and crypto mode is checked before any data moves, and failures
 * leave as faults of vim25.
 */
export class Migrations {
  readonly #options: MigrationsOptions;
  /** Keys of migrations that this host awaits or receives. */
  readonly #held = new Map<string, HeldKeys>();
  #engine: VmotionEngine | undefined;

  constructor(options: MigrationsOptions) {
    this.#options = options;
  }

  /** Settles what a crash left, and listens. */
  async open(port = this.#options.config.vmotionPort): Promise<void> {
    const { store, context, config } = this.#options;
    this.#engine = await VmotionEngine.open({
      store,
      journalDirectory: join(context.dataDir, 'migrations'),
      host: config.host,
      port,
      clock: context.clock,
      log: context.log,
    });
    await this.#engine.start();
  }

  /** Where the listener is. */
  get listenAddress(): Destination {
    return this.#running().address();
  }

  /** Where other hosts reach it. */
  get address(): Destination {
    return this.#options.config.vmotionAddress ?? this.listenAddress;
  }

  /**
   * Destination: refuses early what cannot end well, then makes ready.
   *
   * @throws VimFault `InvalidState` unless the crypto mode allows the VM, `EncryptionKeyRequired`, `AlreadyExists`
   */
  async prepareReceive(spec: MigrationSpec, vm: IncomingVm): Promise<ReceiveReady> {
    this.#requireEncryptedVmotion(spec);
    const needed = keysOf(vm);
    if (needed.length > 0) {
      this.#options.mode.requireSafe();
      requireEncrypted(spec);
    }
    this.#releaseEnded();
    const held = await this.#options.keys.hold(needed);
    try {
      const ready = await this.#call(spec.vmId, (engine) =>
        engine.prepareReceive(spec, (id) => this.#lendForReceive(held, id)),
      );
      this.#held.set(spec.migrationId, held);
      return { ...ready, ...this.address, vmId: spec.target?.id ?? spec.vmId };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /** Source: sends a VM; resolves when the destination has verified all of it. */
  async startSend(spec: MigrationSpec, destination: Destination): Promise<SendResult> {
    this.#requireEncryptedVmotion(spec);
    const startedAt = performance.now();
    const { digestHex, ...sent } = await this.#options.vms.exclusively(spec.vmId, 'migrate', () =>
      this.#call(spec.vmId, (engine) => engine.startSend(spec, destination)),
    );
    this.#options.metrics.vmotionBytes.inc({ encrypted: String(sent.encrypted) }, sent.bytes);
    return { ...sent, digest: digestHex, durationMs: Math.round(performance.now() - startedAt) };
  }

  /** Destination: the VM becomes this host's. */
  async commitReceive(migrationId: string): Promise<VmInfo> {
    const vm = await this.#call('', (engine) => engine.commitReceive(migrationId));
    this.#end(migrationId);
    return vm.info();
  }

  /** Source: gives the VM up. */
  async commitSend(migrationId: string): Promise<void> {
    await this.#call('', (engine) => engine.commitSend(migrationId));
    this.#end(migrationId);
  }

  /** Either side: everything as before. */
  async abort(migrationId: string): Promise<void> {
    await this.#call('', (engine) => engine.abort(migrationId));
    this.#end(migrationId);
  }

  /** How far a migration has come here, in each role. */
  state(migrationId: string): MigrationState {
    return { migrationId, ...this.#running().migrationState(migrationId) } as MigrationState;
  }

  /**
   * Ends all streams and listens anew on the same port, as a reboot does. What was sent, or received powered off,
   * stays as it is: whoever reconciles decides.
   */
  async restart(stopVms: () => Promise<void>): Promise<void> {
    const { port } = this.listenAddress;
    await this.close();
    await stopVms();
    await this.open(port);
  }

  /** Ends all streams, and clears keys. */
  async close(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.stop();
    for (const migrationId of [...this.#held.keys()]) this.#end(migrationId);
  }

  #running(): VmotionEngine {
    if (this.#engine) return this.#engine;
    throw new VimFault('InvalidState', 'The host is restarting: try again when it is up.');
  }

  async #call<T>(vmId: string, work: (engine: VmotionEngine) => Promise<T>): Promise<T> {
    try {
      return await work(this.#running());
    } catch (error) {
      throw error instanceof VmotionError ? migrationFault(error) : vmFaultOf(error, vmId);
    }
  }

  /** What comes may be encrypted although it was announced as plain: the host must be safe for it all the same. */
  async #lendForReceive(held: HeldKeys, id: CryptoKeyId): Promise<Buffer> {
    this.#options.mode.requireSafe();
    return held.lend(id);
  }

  #requireEncryptedVmotion({ encrypted }: MigrationSpec): void {
    const { version } = this.#options.config;
    if (!encrypted || capabilitiesOf(version).encryption) return;
    throw new VimFault(
      'NotSupported',
      `Encrypted vMotion needs ESXi 6.5 or later, and this host runs ${version} (MODE-2, MODE-3).`,
    );
  }

  /** A stream that failed or a source that never came ends a migration without anyone calling. */
  #releaseEnded(): void {
    for (const migrationId of [...this.#held.keys()]) {
      const { destination } = this.state(migrationId);
      if (destination !== 'prepared' && destination !== 'received') this.#end(migrationId);
    }
  }

  #end(migrationId: string): void {
    this.#held.get(migrationId)?.release();
    this.#held.delete(migrationId);
  }
}

function keysOf({ keyId, disks }: IncomingVm): CryptoKeyId[] {
  const ids = [keyId, ...disks.map((disk) => disk.keyId)].filter((id) => id !== undefined);
  return [...new Map(ids.map((id) => [keyIdText(id), id])).values()];
}

function requireEncrypted({ encrypted }: MigrationSpec): void {
  if (encrypted) return;
  throw new VimFault('InvalidArgument', 'An encrypted VM always travels by encrypted vMotion (ENC-1).', {
    fields: { invalidProperty: 'spec.encrypted' },
  });
}

/** How a failure of vMotion is said in vim25. */
function migrationFault(error: VmotionError): VimFault {
  const options = {
    faultMessage: [{ key: `kpsim.vmotion.${error.code}`, message: error.message }],
    cause: error,
  };
  if (error.code === 'spec_invalid') return new VimFault('InvalidArgument', error.message, options);
  if (error.code === 'migration_state') return new VimFault('InvalidState', error.message, options);
  return new VimFault('MigrationFault', error.message, options);
}
