import { createHash } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import { x509CertChain } from '../../wire/attestation/index.js';
import { DocumentTable } from '../documents.js';
import type { AppliedConfiguration } from '../rest-client.js';
import type { TrustAuthorityStore } from '../store.js';
import { BaseImages } from './base-images.js';
import type { AttestationSettings, CaCertificateInfo, EndorsementKeyInfo } from './client.js';
import { registeredKeyFingerprint } from './endorsement-key.js';
import { readTrustAnchor } from './trust-anchors.js';
import type { TrustAnchor } from './trust-anchors.js';

/** Settings of a new attestation service, as in vSphere. */
const DEFAULT_SETTINGS: AttestationSettings = {
  require_endorsement_keys: false,
  require_certificate_validation: true,
};

/** Kinds of documents that the configuration is made of. */
const KINDS = ['setting', 'ca-certificate', 'endorsement-key', 'base-image'] as const;

interface SettingDocument {
  readonly value: AttestationSettings;
}

interface RegisteredKey extends EndorsementKeyInfo {
  readonly fingerprint: string;
}

/** Everything an administrator sets in an attestation service; durable, and ready for appraisals. */
export class AttestationConfiguration {
  readonly baseImages: BaseImages;
  readonly #settings: DocumentTable<SettingDocument>;
  readonly #authorities: DocumentTable<CaCertificateInfo>;
  readonly #keys: DocumentTable<RegisteredKey>;
  readonly #store: TrustAuthorityStore;
  readonly #anchors = new Map<string, TrustAnchor>();
  #applied: AppliedConfiguration | undefined;
  #registered: { readonly version: number; readonly fingerprints: ReadonlySet<string> } | undefined;

  private constructor(store: TrustAuthorityStore) {
    this.#store = store;
    this.#settings = new DocumentTable(store, 'setting', 'setting', 16);
    this.#authorities = new DocumentTable(store, 'ca-certificate', 'CA certificate', 256);
    this.#keys = new DocumentTable(store, 'endorsement-key', 'endorsement key', 100_000);
    this.baseImages = new BaseImages(store, () => this.#changed());
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
    const { settings } = this;
    await this.#settings.put('tpm2', {
      value: {
        require_endorsement_keys: change.require_endorsement_keys ?? settings.require_endorsement_keys,
        require_certificate_validation:
          change.require_certificate_validation ?? settings.require_certificate_validation,
      },
    });
    this.#changed();
  }

  /** Imported authorities, parsed. */
  get anchors(): readonly TrustAnchor[] {
    return [...this.#anchors.values()];
  }

  authorityNames(): string[] {
    return this.#authorities.entries().map(([name]) => name);
  }

  authority(name: string): CaCertificateInfo {
    return this.#authorities.get(name);
  }

  /** @throws VapiError `INVALID_ARGUMENT`, `ALREADY_EXISTS` */
  async importAuthority(info: CaCertificateInfo): Promise<void> {
    const anchor = await readTrustAnchor({ ...info, cert_chain: x509CertChain.parse(info.cert_chain) });
    await this.#authorities.create(info.name, info);
    this.#anchors.set(info.name, anchor);
    this.#changed();
  }

  async removeAuthority(name: string): Promise<void> {
    await this.#authorities.delete(name);
    this.#anchors.delete(name);
    this.#changed();
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

  /** @throws VapiError `ALREADY_EXISTS`, AttestationError `malformed_evidence` */
  async registerEndorsementKey(info: EndorsementKeyInfo): Promise<void> {
    const fingerprint = registeredKeyFingerprint(info);
    if (this.registeredKeys.has(fingerprint)) {
      throw new VapiError('ALREADY_EXISTS', 'This endorsement key is registered under another name already.');
    }
    await this.#keys.create(info.name, { ...info, fingerprint });
    this.#changed();
  }

  async removeEndorsementKey(name: string): Promise<void> {
    await this.#keys.delete(name);
    this.#changed();
  }

  /** All of it as text with its fingerprint: services that are configured alike have the same. */
  applied(): AppliedConfiguration {
    return (this.#applied ??= this.#describe());
  }

  #describe(): AppliedConfiguration {
    const configuration = JSON.stringify({
      settings: this.settings,
      ca_certificates: this.#authorities.entries().map(([, info]) => info),
      endorsement_keys: this.endorsementKeyNames().map((name) => this.endorsementKey(name)),
      base_images: this.baseImages.list(),
    });
    return {
      configuration,
      fingerprint: createHash('sha256').update(configuration).digest('hex'),
      last_update_time: new Date(this.#store.changedAtMs(KINDS)).toISOString(),
    };
  }

  #changed(): void {
    this.#applied = undefined;
  }
}
