import { createHash } from 'node:crypto';

import { ESXI_PCR, fileDigest, unpackImgdb } from '../../wire/esx-image/index.js';
import type { BaseImage, ImageFile } from '../../wire/esx-image/index.js';
import { encodeVersionRecord, moduleNamePayload } from '../../wire/tpm2/index.js';
import type { EsxiTag } from '../../wire/tpm2/index.js';
import { DocumentTable, byId } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';
import type { BaseImageSummary } from './client.js';
import { JUDGED_BANK } from './appraisal/read-structures.js';
import { baseImageId } from './raw-configuration.js';

/** Most base images that are trusted. */
const IMAGE_LIMIT = 256;

/** One measurement that a base image causes, or that a log tells of: `PCR tag payload digest`. */
export function measurementText(pcr: number, tag: EsxiTag, payload: Buffer, digest: Buffer): string {
  return `${pcr} ${tag} ${payload.toString('base64')} ${digest.toString('hex')}`;
}

/** A digest over a set of measurements, whatever their order: which order they came in is what PCRs tell. */
export function measurementsDigest(measurements: readonly string[]): string {
  return createHash('sha256')
    .update([...measurements].sort().join('\n'))
    .digest('hex');
}

/** A base image that an administrator imported. */
export interface TrustedBaseImage {
  readonly image: BaseImage;
  /** {@link measurementText} of all that its boot measures, apart from what is each host's own. */
  readonly measurements: ReadonlySet<string>;
  /** {@link measurementsDigest} of them. */
  readonly digest: string;
}

/** The base images that hosts may run. */
export class BaseImages {
  readonly #table: DocumentTable<BaseImage>;
  readonly #change: (work: () => Promise<void>) => Promise<void>;
  #trusted: { readonly version: number; readonly images: readonly TrustedBaseImage[] } | undefined;

  /** @param change makes every change, in its turn */
  constructor(store: TrustAuthorityStore, change: (work: () => Promise<void>) => Promise<void>) {
    this.#table = new DocumentTable(store, 'base-image', 'base image', IMAGE_LIMIT);
    this.#change = change;
  }

  list(): BaseImageSummary[] {
    return this.#table.entries().map(([image, manifest]) => summaryOf(image, manifest));
  }

  /** @throws VapiError `NOT_FOUND` */
  get(image: string): BaseImageSummary {
    return summaryOf(image, this.#table.get(image));
  }

  /**
   * Trusts the image in a `boot_imgdb.tgz`, and returns its id; an image that is trusted already stays so.
   *
   * @throws KpsimError `imgdb_malformed`
   */
  async importFromImgdb(bytes: Buffer): Promise<string> {
    const manifest = await unpackImgdb(bytes);
    const id = baseImageId(manifest);
    if (!this.#table.find(id)) await this.#change(() => this.#table.put(id, manifest));
    return id;
  }

  /** @throws VapiError `NOT_FOUND` */
  async remove(image: string): Promise<void> {
    await this.#change(() => this.#table.delete(image));
  }

  /** All images as they were imported, in the order of their ids. */
  manifests(): BaseImage[] {
    return [...this.#table.entries()].sort(byId).map(([, manifest]) => manifest);
  }

  /** Takes over images that were written to the store, by id. */
  replaced(images: ReadonlyMap<string, BaseImage>): void {
    this.#table.replaced(images);
  }

  /** All images, ready to be compared with logs. */
  trusted(): readonly TrustedBaseImage[] {
    if (this.#trusted?.version !== this.#table.version) {
      const images = this.#table.entries().map(([, image]) => trustedImage(image));
      this.#trusted = { version: this.#table.version, images };
    }
    return this.#trusted.images;
  }
}

function summaryOf(image: string, manifest: BaseImage): BaseImageSummary {
  return { image, version: manifest.version, display_name: manifest.displayName };
}

function trustedImage(image: BaseImage): TrustedBaseImage {
  const file = (pcr: number, tag: EsxiTag, measured: ImageFile): string =>
    measurementText(pcr, tag, moduleNamePayload(measured.name), fileDigest(measured, JUDGED_BANK));
  const payload = (pcr: number, tag: EsxiTag, bytes: Buffer): string =>
    measurementText(pcr, tag, bytes, createHash('sha256').update(bytes).digest());
  const measurements = [
    ...image.modules.map((module) => file(module.pcr, 'MOD', module)),
    ...image.versionRecords.map((record) =>
      payload(ESXI_PCR.modules, 'VERSION', encodeVersionRecord(record)),
    ),
    ...image.bootOptions.map((option) => file(ESXI_PCR.options, 'BOOT_OPT', option)),
    ...image.signerCertificates.map((signer) =>
      payload(ESXI_PCR.options, 'SIGNER', Buffer.from(signer, 'base64')),
    ),
  ];
  return { image, measurements: new Set(measurements), digest: measurementsDigest(measurements) };
}
