import { VapiError, toVapiError } from '../../core/http/index.js';
import { KeyedTurns } from '../../core/keyed-turns.js';
import { AttestationError } from '../../wire/attestation/index.js';
import { DocumentTable, byId } from '../documents.js';
import type { AppliedConfiguration } from '../rest-client.js';
import type { DocumentKind, TrustAuthorityStore } from '../store.js';
import { BaseImages } from './base-images.js';
import type { AttestationSettings, CaCertificateInfo, EndorsementKeyInfo } from './client.js';
import { registeredKeyFingerprint } from './endorsement-key.js';
import {
  baseImageId,
  configurationFingerprint,
  readRawConfiguration,
  writeRawConfiguration,
} from './raw-configuration.js';
import type { RawConfiguration } from './raw-configuration.js';
import { TrustAnchors, readTrustAnchor } from './trust-anchors.js';
import type { TrustAnchor } from './trust-anchors.js';

/** Settings of a new attestation service, as in vSphere. */
const DEFAULT_SETTINGS: AttestationSettings = {
  require_endorsement_keys: false,
  require_certificate_validation: true,
};

/** Kinds of documents that the configuration is made of. */
const KINDS = ['setting', 'ca-certificate', 'endorsement-key', 'base-image'] as const;

/** All documents of some kinds, by id. */
type Documents = ReadonlyMap<DocumentKind, ReadonlyMap<string, unknown>>;

interface SettingDocument {
  readonly value: AttestationSettings;
}

interface RegisteredKey extends EndorsementKeyInfo {
  readonly fingerprint: string;
}

/** Who is told of changes that an administrator makes. */
export interface ConfigurationObserver {
  /** A change is durable; no other one is made before this resolves. */
  readonly changed: () => Promise<void>;
  /** A change that was told with `changed` is over; it is answered after that. */
  readonly settled: () => Promise<void>;
}

const NOBODY: ConfigurationObserver = {
  changed: () => Promise.resolve(),
  settled: () => Promise.resolve(),
};

/** Everything an administrator sets in an attestation service; durable, and ready for appraisals. */
export class AttestationConfiguration {
  readonly baseImages: BaseImages;
  readonly #settings: DocumentTable<SettingDocument>;
  readonly #authorities: DocumentTable<CaCertificateInfo>;
  readonly #keys: DocumentTable<RegisteredKey>;
  readonly #store: TrustAuthorityStore;
  readonly #anchors = new Map<string, TrustAnchor>();
  #trusted: TrustAnchors | undefined;
  /** Changes are made one after another, wherever they come from. */
  readonly #turns = new KeyedTurns();
  #observer = NOBODY;
  #applied: AppliedConfiguration | undefined;
  #registered: { readonly version: number; readonly fingerprints: ReadonlySet<string> } | undefined;

  private constructor(store: TrustAuthorityStore) {
    this.#store = store;
    this.#settings = new DocumentTable(store, 'setting', 'setting', 16);
    this.#authorities = new DocumentTable(store, 'ca-certificate', 'CA certificate', 256);
    this.#keys = new DocumentTable(store, 'endorsement-key', 'endorsement key', 100_000);
    this.baseImages = new BaseImages(store, (work) => this.#change(work));
  }

  /** Reads the configuration of a store. */
  static async load(store: TrustAuthorityStore): Promise<AttestationConfiguration> {
    const configuration = new AttestationConfiguration(store);
    for (const [name, info] of configuration.#authorities.entries()) {
      configuration.#anchors.set(name, await readTrustAnchor(info));
    }
    return configuration;
  }

  get settings(): AttestationSettings {
    return this.#settings.find('tpm2')?.value ?? DEFAULT_SETTINGS;
  }

  /** False as long as no administrator and no configuration file set {@link settings}. */
  get wasEverSet(): boolean {
    return this.#settings.find('tpm2') !== undefined;
  }

  async updateSettings(change: {
    readonly [Name in keyof AttestationSettings]?: boolean | undefined;
  }): Promise<void> {
    await this.#change(() =>
      this.#settings.renew('tpm2', ({ value: settings } = { value: DEFAULT_SETTINGS }) => ({
        value: {
          require_endorsement_keys: change.require_endorsement_keys ?? settings.require_endorsement_keys,
          require_certificate_validation:
            change.require_certificate_validation ?? settings.require_certificate_validation,
        },
      })),
    );
  }

  /** Imported authorities, parsed. */
  get anchors(): TrustAnchors {
    return (this.#trusted ??= new TrustAnchors([...this.#anchors.values()]));
  }

  authorityNames(): string[] {
    return this.#authorities.entries().map(([name]) => name);
  }

  authority(name: string): CaCertificateInfo {
    return this.#authorities.get(name);
  }

  /** @throws VapiError `INVALID_ARGUMENT`, `ALREADY_EXISTS` */
  async importAuthority(info: CaCertificateInfo): Promise<void> {
    const anchor = await readTrustAnchor(info);
    await this.#change(async () => {
      await this.#authorities.create(info.name, info);
      this.#anchors.set(info.name, anchor);
    });
  }

  async removeAuthority(name: string): Promise<void> {
    await this.#change(async () => {
      await this.#authorities.delete(name);
      this.#anchors.delete(name);
    });
  }

  /** Fingerprints of the registered endorsement keys. */
  get registeredKeys(): ReadonlySet<string> {
    if (this.#registered?.version !== this.#keys.version) {
      const fingerprints = new Set(this.#keys.entries().map(([, key]) => key.fingerprint));
      this.#registered = { version: this.#keys.version, fingerprints };
    }
    return this.#registered.fingerprints;
  }

  endorsementKeyNames(): string[] {
    return this.#keys.entries().map(([name]) => name);
  }

  endorsementKey(name: string): EndorsementKeyInfo {
    const { fingerprint: _, ...info } = this.#keys.get(name);
    return info;
  }

  /** @throws VapiError `ALREADY_EXISTS`, `INVALID_ARGUMENT` */
  async registerEndorsementKey(info: EndorsementKeyInfo): Promise<void> {
    const fingerprint = registeredKeyFingerprint(info);
    await this.#change(async () => {
      if (this.registeredKeys.has(fingerprint)) {
        throw new VapiError(
          'ALREADY_EXISTS',
          'This endorsement key is registered under another name already.',
        );
      }
      await this.#keys.create(info.name, { ...info, fingerprint });
    });
  }

  async removeEndorsementKey(name: string): Promise<void> {
    await this.#change(() => this.#keys.delete(name));
  }

  /** All of it as text with its fingerprint: services that are configured alike have the same. */
  applied(): AppliedConfiguration {
    return (this.#applied ??= this.#describe());
  }

  /** False as long as nothing was ever configured here. */
  get isPristine(): boolean {
    return this.#store.changedAtMs(KINDS) === 0;
  }

  /** Has every change told that an administrator makes. */
  observe(observer: ConfigurationObserver): void {
    this.#observer = observer;
  }

  /** All of it, in a form that can be compared. */
  raw(): RawConfiguration {
    return {
      settings: this.settings,
      ca_certificates: [...this.#authorities.entries()].sort(byId).map(([, info]) => info),
      endorsement_keys: [...this.#keys.entries()].sort(byId).map(([name]) => this.endorsementKey(name)),
      base_images: this.baseImages.manifests(),
    };
  }

  /**
   * Replaces all of it by a configuration of another service.
   *
   * @param text as {@link applied} gives it
   * @throws VapiError `INVALID_ARGUMENT`; then everything is as it was
   */
  replace(text: string): Promise<void> {
    return this.#change(() => this.#replace(text));
  }

  /**
   * Replaces all of it by what another member of the cluster has sent; no observer is told.
   *
   * @param text as {@link applied} gives it
   * @param base fingerprint of the configuration that it follows
   * @param write has it replaced, with documents of other kinds that are durable with it; no other change is made before
   *   that resolves
   * @throws AttestationError `configuration_diverged` if it does not follow what is here once all earlier changes are
   *   made; as {@link replace}
   */
  follow(
    text: string,
    base: string,
    write: (replace: (along: Documents) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    return this.#turns.takeAll(async () => {
      if (this.applied().fingerprint !== base) throw new AttestationError('configuration_diverged');
      await write((along) => this.#replace(text, along));
    });
  }

  async #replace(text: string, along: Documents = new Map()): Promise<void> {
    const raw = readRawConfiguration(text);
    const authorities = rowsByName(raw.ca_certificates, 'ca_certificates');
    const anchors = await Promise.all(
      raw.ca_certificates.map((info, index) => inRow('ca_certificates', index, () => readTrustAnchor(info))),
    );
    const keys = rowsByName(
      await Promise.all(
        raw.endorsement_keys.map((info, index) =>
          inRow('endorsement_keys', index, () => ({ ...info, fingerprint: registeredKeyFingerprint(info) })),
        ),
      ),
      'endorsement_keys',
    );
    const images = new Map(raw.base_images.map((image) => [baseImageId(image), image]));
    const settings = new Map([['tpm2', { value: raw.settings }]]);
    await this.#store.replaceDocuments(
      new Map<DocumentKind, ReadonlyMap<string, unknown>>([
        ...along,
        ['setting', settings],
        ['ca-certificate', authorities],
        ['endorsement-key', keys],
        ['base-image', images],
      ]),
    );
    this.#settings.replaced(settings);
    this.#authorities.replaced(authorities);
    this.#keys.replaced(keys);
    this.baseImages.replaced(images);
    this.#anchors.clear();
    for (const anchor of anchors) this.#anchors.set(anchor.name, anchor);
    this.#forgetDerived();
  }

  #describe(): AppliedConfiguration {
    const configuration = writeRawConfiguration(this.raw());
    return {
      configuration,
      fingerprint: configurationFingerprint(configuration),
      last_update_time: new Date(this.#store.changedAtMs(KINDS)).toISOString(),
    };
  }

  async #change(work: () => Promise<void>): Promise<void> {
    await this.#turns.takeAll(async () => {
      await work();
      this.#forgetDerived();
      await this.#observer.changed();
    });
    await this.#observer.settled();
  }

  #forgetDerived(): void {
    this.#applied = undefined;
    this.#trusted = undefined;
  }
}

/** Reads a row of a configuration. @throws VapiError as `read` does, and it names the row */
async function inRow<T>(what: string, index: number, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const { type, message, body } = toVapiError(error);
    throw new VapiError(type, `configuration: ${what}[${index}]: ${message}`, {
      cause: error,
      ...(body.data && { data: body.data }),
    });
  }
}

/** Rows by their names. @throws VapiError `INVALID_ARGUMENT` if two have the same */
function rowsByName<T extends { readonly name: string }>(rows: readonly T[], what: string): Map<string, T> {
  const found = new Map(rows.map((row) => [row.name, row]));
  if (found.size === rows.length) return found;
  throw new VapiError('INVALID_ARGUMENT', `configuration: two rows of ${what} have the same name.`);
}
