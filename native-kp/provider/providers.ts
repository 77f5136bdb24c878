import type { Clock } from '../../core/clock.js';
import { VapiError } from '../../core/http/index.js';
import type { Rng } from '../../core/rng.js';
import { randomKeyBytes, zeroise } from '../../core/secret.js';
import { KDK_BYTES, kdkFingerprint } from '../../wire/native-key/index.js';
import type { ProviderBackup } from '../backup/provider-backup.js';
import { readPkcs12 } from '../backup/read-pkcs12.js';
import { writePkcs12 } from '../backup/write-pkcs12.js';
import { PROVIDER_LIMIT } from '../config.js';
import type { NativeKpStore, ProviderRecord } from '../store.js';

/** What is asked for when a provider is made. */
export interface NewProvider {
  readonly name: string;
  readonly tpmRequired: boolean;
  /** Made if absent. */
  readonly keyId?: string | undefined;
  /** 32 bytes, made if absent; cleared here. */
  readonly kdk?: Buffer | undefined;
}

/** A backup that was read from a file, without its KDK. */
export type ImportedBackup = Omit<ProviderBackup, 'kdk'>;

/** What {@link Providers} works with. */
export interface ProvidersParts {
  readonly store: NativeKpStore;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** The native key providers of one vCenter: making, changing, backing up and restoring them. */
export class Providers {
  readonly #store: NativeKpStore;
  readonly #clock: Clock;
  readonly #rng: Rng;

  constructor({ store, clock, rng }: ProvidersParts) {
    this.#store = store;
    this.#clock = clock;
    this.#rng = rng;
  }

  /** All providers by name. */
  list(): readonly ProviderRecord[] {
    return this.#store.list();
  }

  /** @throws VapiError `NOT_FOUND` */
  require(name: string): ProviderRecord {
    const found = this.#store.find(name);
    if (found) return found;
    throw notFound(name);
  }

  /** Makes a provider, with a new KDK unless one is given. @throws VapiError `ALREADY_EXISTS`, `UNSUPPORTED` */
  create(wanted: NewProvider): ProviderRecord {
    const kdk = wanted.kdk ?? randomKeyBytes(KDK_BYTES);
    try {
      return this.#insert(
        {
          name: wanted.name,
          keyId: wanted.keyId ?? this.#rng.uuid(),
          tpmRequired: wanted.tpmRequired,
          backup: 'none',
          awaitsHosts: false,
          createdAtMs: this.#clock.now(),
        },
        kdk,
      );
    } finally {
      zeroise(kdk);
    }
  }

  /**
   * Gives the KDK another id. The KDK stays, but keys made under the old id can be derived only when the id is set
   * back, so a new backup is due. Own choice.
   *
   * @throws VapiError `NOT_FOUND`
   */
  changeKeyId(name: string, keyId: string): void {
    const { backup, keyId: current } = this.require(name);
    if (keyId === current) return;
    this.#store.update(name, { keyId, backup: backup === 'none' ? 'none' : 'outdated' });
  }

  /** Removes a provider and its KDK, whether or not it is in use, as vSphere does. @throws VapiError `NOT_FOUND` */
  remove(name: string): void {
    if (!this.#store.remove(name)) throw notFound(name);
  }

  /** What two providers have in common exactly when they share the KDK. @throws VapiError `NOT_FOUND` */
  async fingerprint(name: string): Promise<string> {
    const fingerprint = await this.#store.withKdk(name, kdkFingerprint);
    if (fingerprint === undefined) throw notFound(name);
    return fingerprint;
  }

  /**
   * Writes a backup; it counts as one only once it was downloaded.
   *
   * @param corrupt puts a wrong KDK into it, for an injected fault
   * @throws VapiError `NOT_FOUND`
   */
  async export(name: string, password: string | undefined, corrupt: boolean): Promise<Buffer> {
    const { keyId, tpmRequired } = this.require(name);
    const exportTime = new Date(this.#clock.now());
    const file = await this.#store.withKdk(name, (kdk) => {
      const written = corrupt ? randomKeyBytes(KDK_BYTES) : kdk;
      return writePkcs12({ provider: name, keyId, kdk: written, tpmRequired, exportTime }, password);
    });
    if (!file) throw notFound(name);
    return file;
  }

  /** Notes that a backup of this key id was downloaded; what was noted before is returned. */
  noteBackup(name: string, keyId: string): ProviderRecord['backup'] | undefined {
    const provider = this.#store.find(name);
    if (provider?.keyId !== keyId) return undefined;
    this.#store.update(name, { backup: 'current' });
    return provider.backup;
  }

  /** Takes {@link noteBackup} back, when the download did not get through. */
  restoreBackupNote(name: string, keyId: string, backup: ProviderRecord['backup']): void {
    if (this.#store.find(name)?.keyId === keyId) this.#store.update(name, { backup });
  }

  /**
   * Restores a provider from a backup, or with `dryRun` only says what it holds.
   *
   * @param tpmRequired in place of what the backup says, if given
   * @throws KpsimError as `readPkcs12`; VapiError `ALREADY_EXISTS`, `UNSUPPORTED`
   */
  async import(
    file: Buffer,
    password: string | undefined,
    options: { readonly tpmRequired?: boolean | undefined; readonly dryRun: boolean },
  ): Promise<ImportedBackup> {
    const { kdk, ...backup } = await readPkcs12(file, password);
    const imported = { ...backup, tpmRequired: options.tpmRequired ?? backup.tpmRequired };
    try {
      this.#requireRoom(backup.provider);
      if (!options.dryRun) {
        this.#insert(
          {
            name: imported.provider,
            keyId: imported.keyId,
            tpmRequired: imported.tpmRequired,
            backup: 'current',
            awaitsHosts: true,
            createdAtMs: this.#clock.now(),
          },
          kdk,
        );
      }
    } finally {
      zeroise(kdk);
    }
    return imported;
  }

  #insert(record: ProviderRecord, kdk: Buffer): ProviderRecord {
    this.#requireRoom(record.name);
    this.#store.insert(record, kdk);
    return record;
  }

  #requireRoom(name: string): void {
    if (this.#store.find(name)) {
      throw new VapiError(
        'ALREADY_EXISTS',
        `There is a key provider ${name} already. Choose another name, or delete that provider first.`,
      );
    }
    if (this.#store.list().length >= PROVIDER_LIMIT) {
      throw new VapiError(
        'UNSUPPORTED',
        `A vCenter has at most ${PROVIDER_LIMIT} key providers. Delete one that is not used any more.`,
      );
    }
  }
}

function notFound(name: string): VapiError {
  return new VapiError(
    'NOT_FOUND',
    `There is no native key provider ${JSON.stringify(name.slice(0, 80))}; list the providers.`,
  );
}
