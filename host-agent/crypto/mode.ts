import { zeroise } from '../../core/secret.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { CryptoKeyId, CryptoKeyPlain, CryptoMode, HostCryptoState } from '../api/results.js';
import { describeKeyId, keyIdOf, providerOf, sameKeyId } from '../keys/key-id.js';
import { KEK_ALGORITHM, KEK_BYTES } from '../keys/key-bytes.js';
import type { KeyRing } from '../keys/key-ring.js';

/** What can happen to a host's crypto mode; the first four are methods of `CryptoManagerHost`. */
export type CryptoModeEvent = 'prepare' | 'enable' | 'changeKey' | 'disable' | 'reboot';

/**
 * Crypto mode by event and state; a pair that is not there is an `InvalidState` fault.
 *
 * Source: vim25 `HostCryptoState` and `CryptoManagerHost`. Own choice: `prepared` and `safe` survive a reboot, with an
 * empty key cache; only `safe` can be disabled.
 */
export const CRYPTO_MODE_TRANSITIONS = {
  prepare: { incapable: 'prepared' },
  enable: { prepared: 'safe', safe: 'safe', pendingIncapable: 'safe' },
  changeKey: { safe: 'safe' },
  disable: { safe: 'pendingIncapable' },
  reboot: { incapable: 'incapable', prepared: 'prepared', safe: 'safe', pendingIncapable: 'incapable' },
} as const satisfies Record<CryptoModeEvent, Partial<Record<HostCryptoState, HostCryptoState>>>;

/** What to do next, where an event does not fit the state. */
const REMEDIES: Readonly<Record<Exclude<CryptoModeEvent, 'reboot'>, string>> = {
  prepare: 'Only a host that is incapable can be prepared.',
  enable: 'Call CryptoManagerHostPrepare first.',
  changeKey: 'Enable encryption with CryptoManagerHostEnable first.',
  disable: 'Only a host in safe mode can be disabled.',
};

/** What of the crypto mode outlasts a reboot. */
export interface CryptoModeRecord {
  readonly state: HostCryptoState;
  /** Id of the host key; the key itself is in the cache only. */
  readonly hostKey?: CryptoKeyId | undefined;
}

/** What a {@link CryptoModeMachine} stands on. */
export interface CryptoModeOptions {
  readonly record: CryptoModeRecord;
  readonly keys: KeyRing;
  /** Whether this version of ESXi encrypts VMs at all (6.5 and later). */
  readonly capable: boolean;
  /** Makes a record durable. */
  save(record: CryptoModeRecord): Promise<void>;
}

/** The crypto mode of a host: a state machine over {@link CRYPTO_MODE_TRANSITIONS}, and the host's own key. */
export class CryptoModeMachine {
  readonly #options: CryptoModeOptions;
  #record: CryptoModeRecord;

  constructor(options: CryptoModeOptions) {
    this.#options = options;
    this.#record = options.record;
  }

  /** State and host key. */
  get mode(): CryptoMode {
    const { state, hostKey } = this.#record;
    return { state, ...(hostKey && { hostKey }), hostKeyPresent: this.#hostKeyPresent() };
  }

  /** The state alone. */
  get state(): HostCryptoState {
    return this.#record.state;
  }

  /** incapable → prepared. @throws VimFault `InvalidState`, `NotSupported` before ESXi 6.5 */
  async prepare(): Promise<void> {
    if (!this.#options.capable) {
      throw new VimFault('NotSupported', 'Hosts before ESXi 6.5 do not encrypt virtual machines.');
    }
    await this.#save({ ...this.#record, state: this.#next('prepare') });
  }

  /**
   * → safe. With the host key that the host has already, it puts that key into the cache again.
   *
   * @throws VimFault `InvalidState`; `AlreadyExists` if the host is safe with another key; `InvalidArgument`;
   *   `EncryptionKeyRequired` if the host was to get the key itself and cannot
   */
  async enable(initialKey: CryptoKeyPlain): Promise<void> {
    const state = this.#next('enable');
    const { hostKey } = this.#record;
    if (this.#record.state === 'safe' && hostKey && !isSameHostKey(hostKey, initialKey.keyId)) {
      throw new VimFault(
        'AlreadyExists',
        `The host is in safe mode with ${describeKeyId(hostKey)}: use ChangeKey_Task to give it another key.`,
        { fields: { name: hostKey.keyId } },
      );
    }
    const taken = await this.#take(
      initialKey.keyId.keyId === '' && hostKey ? { ...initialKey, keyId: hostKey } : initialKey,
    );
    await this.#save({ state, hostKey: taken });
  }

  /** Another host key. @throws VimFault `InvalidState`, `InvalidArgument`, `EncryptionKeyRequired` */
  async changeKey(newKey: CryptoKeyPlain): Promise<void> {
    const state = this.#next('changeKey');
    await this.#save({ state, hostKey: await this.#take(newKey) });
  }

  /** safe → pendingIncapable. @throws VimFault `InvalidState` */
  async disable(): Promise<void> {
    await this.#save({ ...this.#record, state: this.#next('disable') });
  }

  /** What a reboot makes of the mode. */
  async reboot(): Promise<void> {
    const state = CRYPTO_MODE_TRANSITIONS.reboot[this.#record.state];
    const { hostKey } = this.#record;
    await this.#save(state === 'incapable' || !hostKey ? { state } : { state, hostKey });
  }

  /** @throws VimFault `InvalidState` unless the host is in safe mode, which work with encrypted VMs needs */
  requireSafe(): void {
    if (this.#record.state === 'safe') return;
    throw new VimFault(
      'InvalidState',
      `The host's crypto mode is ${this.#record.state}, and encrypted virtual machines need safe: call CryptoManagerHostPrepare and CryptoManagerHostEnable first.`,
    );
  }

  /** @throws VimFault `InvalidState` while the host is incapable: it may not be sent keys */
  requireCapable(): void {
    if (this.#record.state !== 'incapable') return;
    throw new VimFault(
      'InvalidState',
      'The host is incapable of encryption: call CryptoManagerHostPrepare before keys are sent to it.',
    );
  }

  /** Whether a key is the host's own. */
  isHostKey(id: CryptoKeyId): boolean {
    return this.#record.hostKey !== undefined && sameKeyId(this.#record.hostKey, id);
  }

  #next(event: Exclude<CryptoModeEvent, 'reboot'>): HostCryptoState {
    const row: Partial<Record<HostCryptoState, HostCryptoState>> = CRYPTO_MODE_TRANSITIONS[event];
    const next = row[this.#record.state];
    if (next !== undefined) return next;
    throw new VimFault('InvalidState', `The host's crypto mode is ${this.#record.state}. ${REMEDIES[event]}`);
  }

  /** Caches a host key given in clear; one without key data is obtained from its provider (own choice). */
  async #take({ keyId, algorithm, keyData }: CryptoKeyPlain): Promise<CryptoKeyId> {
    if (keyData === '') {
      return this.#options.keys.withKeys([keyId], ({ ids }) => Promise.resolve(ids[0] ?? keyId));
    }
    const key = Buffer.from(keyData, 'base64');
    try {
      if (algorithm !== KEK_ALGORITHM || key.length !== KEK_BYTES || keyId.keyId === '') {
        throw new VimFault(
          'InvalidArgument',
          `A host key has an id, algorithm ${KEK_ALGORITHM} and ${KEK_BYTES} bytes.`,
          { fields: { invalidProperty: 'keyData' } },
        );
      }
      const outcome = this.#options.keys.cache.add(keyId, key);
      if (outcome === 'conflict') {
        throw new VimFault(
          'AlreadyExists',
          `Another key is cached under the id of ${describeKeyId(keyId)}: remove it first, or use another id.`,
          { fields: { name: keyId.keyId } },
        );
      }
      return keyIdOf(providerOf(keyId), keyId.keyId);
    } finally {
      zeroise(key);
    }
  }

  #hostKeyPresent(): boolean {
    const { hostKey } = this.#record;
    if (!hostKey) return false;
    return this.#options.keys.status([hostKey])[0]?.present === true;
  }

  async #save(record: CryptoModeRecord): Promise<void> {
    await this.#options.save(record);
    this.#record = record;
  }
}

/** An empty key id stands for whichever key of that provider the host has. */
function isSameHostKey(hostKey: CryptoKeyId, given: CryptoKeyId): boolean {
  return given.keyId === '' ? providerOf(given) === providerOf(hostKey) : sameKeyId(hostKey, given);
}
