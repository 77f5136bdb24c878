import { ESXI_PCR, fileDigest } from '../../wire/esx-image/index.js';
import type { BaseImage, ImageFile } from '../../wire/esx-image/index.js';
import { encodeTaggedEvent, encodeVersionRecord, measure, moduleNamePayload } from '../../wire/tpm2/index.js';
import type { EsxiTag, HashAlgorithm } from '../../wire/tpm2/index.js';
import { measuredDigests } from './measurement.js';
import type { Measurement } from './measurement.js';

/** What the boot loader measures beside the image. */
export interface BootLoaderOptions {
  /** Options of the kernel command line, without the kernel's name. */
  readonly kernelOptions?: string;
  /** Asset tag from NV index 0x01C10110; not measured if there is none. */
  readonly assetTag?: string;
}

const KERNEL_PATH = '/b.b00';
const DEFAULT_KERNEL_OPTIONS = 'autoPartition=FALSE bootUUID=kpsim';

/** What the ESXi boot loader measures: version records and modules, options, signers, command line, asset tag. */
export function loaderMeasurements(
  banks: readonly HashAlgorithm[],
  image: BaseImage,
  options: BootLoaderOptions,
): Measurement[] {
  const payload = (pcr: number, tag: EsxiTag, bytes: Buffer): Measurement =>
    measuredDigests(pcr, 'EV_EVENT_TAG', encodeTaggedEvent(tag, bytes), measure(banks, bytes));
  const file = (pcr: number, tag: EsxiTag, measured: ImageFile): Measurement =>
    measuredDigests(
      pcr,
      'EV_EVENT_TAG',
      encodeTaggedEvent(tag, moduleNamePayload(measured.name)),
      new Map(banks.map((bank) => [bank, fileDigest(measured, bank)])),
    );
  const versions = new Map(image.versionRecords.map((record) => [record.fileName, record]));
  const commandLine = `${KERNEL_PATH} ${options.kernelOptions ?? DEFAULT_KERNEL_OPTIONS}`;
  return [
    ...image.modules.flatMap((module) => {
      const version = versions.get(`/${module.name}`);
      const measured = file(module.pcr, 'MOD', module);
      return version === undefined
        ? [measured]
        : [payload(ESXI_PCR.modules, 'VERSION', encodeVersionRecord(version)), measured];
    }),
    ...image.bootOptions.map((option) => file(ESXI_PCR.options, 'BOOT_OPT', option)),
    ...image.signerCertificates.map((signer) =>
      payload(ESXI_PCR.options, 'SIGNER', Buffer.from(signer, 'base64')),
    ),
    payload(ESXI_PCR.options, 'CMD_OPT', Buffer.from(commandLine, 'utf8')),
    ...(options.assetTag === undefined
      ? []
      : [payload(ESXI_PCR.options, 'TAG', Buffer.from(options.assetTag, 'utf8'))]),
  ];
}
