import { MethodTable, VimFault } from '../../wire/vim25/index.js';
import type {
  ManagedObjectReference,
  MethodHandlers,
  VimBackend,
  VimObject,
} from '../../wire/vim25/index.js';
import type { EsxHost } from '../esx-host.js';
import { vimKeyId } from '../keys/key-id.js';
import type { CryptoKeyId, CryptoKeyPlain, CryptoKeyResult, HostKeyStatus } from './results.js';

/** The managed object id of a host's crypto manager, as on ESXi. */
export const HOST_CRYPTO_MANAGER = 'ha-crypto-manager';

/** Tasks that are remembered; older ones are not found. */
const TASKS_REMEMBERED = 64;

/** The mutual TLS connection is all that identifies a caller: it was checked before the call came here. */
type HostCaller = undefined;

type TaskInfo = VimObject<'TaskInfo'>;

/** The host's face in the vSphere Web Services API: its `CryptoManagerHostKMS` and the tasks that it starts. */
export class HostVimBackend implements VimBackend<HostCaller> {
  readonly methods: MethodTable<HostCaller>;
  readonly #host: EsxHost;
  readonly #tasks = new Map<string, TaskInfo>();

  constructor(host: EsxHost) {
    this.#host = host;
    this.methods = new MethodTable<HostCaller>()
      .add('CryptoManager', this.#keyMethods())
      .add('CryptoManagerHost', this.#modeMethods());
  }

  caller(): HostCaller {
    return undefined;
  }

  isAuthenticated(): boolean {
    return true;
  }

  sessionId(): undefined {
    return undefined;
  }

  /** Callers are administrators of the host, so only the object is checked. */
  authorize({ self }: { readonly self: ManagedObjectReference }): void {
    if (self.type === 'CryptoManagerHostKMS' && self.value === HOST_CRYPTO_MANAGER) return;
    throw notFound(self);
  }

  property(_caller: HostCaller, self: ManagedObjectReference, name: string): unknown {
    if (self.type === 'Task' && name === 'info') {
      const info = this.#tasks.get(self.value);
      if (info) return info;
    }
    if (self.value === HOST_CRYPTO_MANAGER && name === 'enabled') return this.#host.mode.state === 'safe';
    throw notFound(self);
  }

  #keyMethods(): MethodHandlers<HostCaller, 'CryptoManager'> {
    const { mode, keys, vms } = this.#host;
    const inUse = (id: CryptoKeyId): boolean => mode.isHostKey(id) || vms.isKeyInUse(id);
    const add = async (given: readonly CryptoKeyPlain[]): Promise<CryptoKeyResult[]> => {
      mode.requireCapable();
      const results = keys.add(given);
      await vms.refreshLocks();
      return results;
    };
    const remove = async (ids: readonly CryptoKeyId[], force: boolean): Promise<CryptoKeyResult[]> => {
      const results = keys.remove(ids, force, inUse);
      await vms.refreshLocks();
      return results;
    };
    return {
      AddKey: async (_caller, _self, { key }) => requireSuccess(await add([key])),
      AddKeys: async (_caller, _self, args) => (await add(args.keys ?? [])).map(keyResult),
      RemoveKey: async (_caller, _self, { key, force }) => requireSuccess(await remove([key], force)),
      RemoveKeys: async (_caller, _self, args) => (await remove(args.keys ?? [], args.force)).map(keyResult),
      ListKeys: (_caller, _self, { limit }) => keys.cache.ids().slice(0, limit).map(vimKeyId),
    };
  }

  #modeMethods(): MethodHandlers<HostCaller, 'CryptoManagerHost'> {
    const { mode, keys, vms } = this.#host;
    return {
      CryptoManagerHostPrepare: async () => {
        await mode.prepare();
        return undefined;
      },
      CryptoManagerHostEnable: async (_caller, _self, { initialKey }) => {
        await mode.enable(initialKey);
        await vms.refreshLocks();
        return undefined;
      },
      ChangeKey_Task: (_caller, self, { newKey }) =>
        this.#finishedTask('CryptoManagerHost.changeKey', self, () => mode.changeKey(newKey)),
      CryptoManagerHostDisable: async () => {
        await mode.disable();
        return undefined;
      },
      GetCryptoKeyStatus: (_caller, _self, args) => keys.status(args.keys ?? []).map(keyStatus),
    };
  }

  /** Does the work before it answers, so that the task is over when its reference arrives. Own choice. */
  async #finishedTask(
    descriptionId: string,
    entity: ManagedObjectReference,
    work: () => Promise<void>,
  ): Promise<ManagedObjectReference> {
    const { clock, rng } = this.#host.context;
    const startedAt = new Date(clock.now());
    await work();
    const key = `haTask-${rng.uuid()}`;
    const task: ManagedObjectReference = { _typeName: 'ManagedObjectReference', type: 'Task', value: key };
    this.#tasks.set(key, {
      _typeName: 'TaskInfo',
      key,
      task,
      descriptionId,
      entity,
      state: 'success',
      cancelled: false,
      cancelable: false,
      reason: { _typeName: 'TaskReasonUser', userName: this.#host.config.name },
      queueTime: startedAt,
      startTime: startedAt,
      completeTime: new Date(clock.now()),
      eventChainId: this.#tasks.size,
    });
    const [oldest] = this.#tasks.keys();
    if (this.#tasks.size > TASKS_REMEMBERED && oldest !== undefined) this.#tasks.delete(oldest);
    return task;
  }
}

function keyResult({ keyId, success, reason }: CryptoKeyResult): VimObject<'CryptoKeyResult'> {
  return { _typeName: 'CryptoKeyResult', keyId: vimKeyId(keyId), success, reason };
}

function keyStatus(status: HostKeyStatus): VimObject<'CryptoManagerHostKeyStatus'> {
  const { keyId, present, managementType, accessGranted } = status;
  return {
    _typeName: 'CryptoManagerHostKeyStatus',
    keyId: vimKeyId(keyId),
    present,
    managementType,
    accessGranted,
  };
}

/** The single forms of calls answer with a fault where the others have a result. */
function requireSuccess([result]: readonly CryptoKeyResult[]): undefined {
  if (result?.success === false) {
    throw new VimFault('InvalidArgument', result.reason ?? 'The key was refused.', {
      fields: { invalidProperty: 'key' },
    });
  }
}

function notFound(self: ManagedObjectReference): VimFault {
  return new VimFault(
    'ManagedObjectNotFound',
    `The host has no ${self.type} ${self.value}; its crypto manager is CryptoManagerHostKMS ${HOST_CRYPTO_MANAGER}.`,
    { fields: { obj: self } },
  );
}
