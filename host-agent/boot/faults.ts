import { ESX_RELEASES, presetBaseImage } from '../../wire/esx-image/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import {
  EFI_GLOBAL_VARIABLE_GUID,
  RELIABLE_LOG_EVENTS,
  encodeTaggedEvent,
  encodeUefiVariable,
  eventTypeOf,
} from '../../wire/tpm2/index.js';
import type { FaultRow } from '../tpm/index.js';
import { measuredContent, measuredData } from './measurement.js';
import type { Measurement } from './measurement.js';
import type { MeasuredBootOptions } from './measured-boot.js';
import { DEFAULT_SECURE_BOOT } from './secure-boot.js';

/** Where a fault of the boot bites. */
export interface BootFaultStages {
  /** Before the host boots. */
  readonly boot: (options: MeasuredBootOptions) => MeasuredBootOptions;
}

/** A way to break evidence by how the host boots; it takes effect with the next boot. */
export type BootFault = FaultRow<BootFaultStages, 'boot'>;

/** Build number of a patch that nobody released. */
const UNKNOWN_BUILD = '99999999';

/** The same release with another build number. */
function patched({ version }: BaseImage): BaseImage {
  const release = ESX_RELEASES.find((known) => version.startsWith(`${known}-`)) ?? '8.0.3';
  return presetBaseImage(release, UNKNOWN_BUILD);
}

/** A variable event of PCR 7 doubled, the first that comes. */
function withFirstVariableTwice(measurements: readonly Measurement[]): Measurement[] {
  const at = measurements.findIndex(
    ({ pcr, eventType }) =>
      pcr === SECURE_BOOT_PCR && eventTypeOf(eventType) === 'EV_EFI_VARIABLE_DRIVER_CONFIG',
  );
  return measurements.flatMap((measurement, index) =>
    index === at ? [measurement, measurement] : [measurement],
  );
}

const MODULE_PCR = 13;
const SECURE_BOOT_PCR = 7;

/** Adds a change to those that the options have already. */
function altered(
  options: MeasuredBootOptions,
  alter: NonNullable<MeasuredBootOptions['alter']>,
): MeasuredBootOptions {
  return {
    ...options,
    alter: (measurements, banks) => alter(options.alter?.(measurements, banks) ?? measurements, banks),
  };
}

/** Locality of a host whose hardware starts the TPM before any code runs. */
const HARDWARE_LOCALITY = 3;

/** All of them. */
export const BOOT_FAULTS: readonly BootFault[] = [
  {
    name: 'startup-locality-3',
    catalogueNumbers: [42],
    sentence: 'The TPM is started at locality 3, and the log says so; a correct verifier accepts it.',
    stage: 'boot',
    apply: (options) => ({ ...options, startupLocality: HARDWARE_LOCALITY }),
  },
  {
    name: 'measured-not-logged',
    catalogueNumbers: [32],
    sentence: 'Something is measured into PCR 13 that the log does not speak of.',
    stage: 'boot',
    apply: (options) =>
      altered(options, (measurements, banks) => [
        ...measurements,
        {
          ...measuredData(banks, MODULE_PCR, 'EV_EVENT_TAG', Buffer.from('not logged')),
          logged: false,
        },
      ]),
  },
  {
    name: 'secure-boot-variable-after-separator',
    catalogueNumbers: [36],
    sentence: 'A Secure Boot variable is measured once more after the separator of PCR 7.',
    stage: 'boot',
    apply: (options) =>
      altered(options, (measurements, banks) => [
        ...measurements,
        measuredData(
          banks,
          SECURE_BOOT_PCR,
          'EV_EFI_VARIABLE_DRIVER_CONFIG',
          encodeUefiVariable({
            vendorGuid: EFI_GLOBAL_VARIABLE_GUID,
            name: 'SecureBoot',
            data: Buffer.from([1]),
          }),
        ),
      ]),
  },
  {
    name: 'secure-boot-variable-duplicate',
    catalogueNumbers: [36],
    sentence: 'The first Secure Boot variable is measured twice before the separator of PCR 7.',
    stage: 'boot',
    apply: (options) => altered(options, withFirstVariableTwice),
  },
  {
    name: 'secure-boot-disabled',
    catalogueNumbers: [37],
    sentence: 'The host boots with Secure Boot switched off.',
    stage: 'boot',
    apply: (options) => ({
      ...options,
      secureBoot: { ...(options.secureBoot ?? DEFAULT_SECURE_BOOT), enabled: false },
    }),
  },
  {
    name: 'module-replaced',
    catalogueNumbers: [39],
    sentence: 'One module is another than that of any imported base image.',
    stage: 'boot',
    apply: (options) => altered(options, withReplacedModule),
  },
  {
    name: 'base-image-never-imported',
    catalogueNumbers: [39],
    sentence: 'The host boots a patched ESXi whose base image no administrator has imported.',
    stage: 'boot',
    apply: (options) => ({ ...options, image: patched(options.image) }),
  },
  {
    name: 'log-unreliable',
    catalogueNumbers: [41],
    sentence: 'More than 1,000 events are measured and logged.',
    stage: 'boot',
    apply: (options) =>
      altered(options, (measurements, banks) => [
        ...measurements,
        ...Array.from({ length: RELIABLE_LOG_EVENTS }, (_, index) => {
          const bytes = Buffer.from(`option ${index}`);
          return measuredContent(banks, 14, 'EV_EVENT_TAG', encodeTaggedEvent('CMD_OPT', bytes), bytes);
        }),
      ]),
  },
];

/** The last file of PCR 13 with other content: the loader says its name as ever, the digest is new. */
const withReplacedModule: NonNullable<MeasuredBootOptions['alter']> = (measurements, banks) => {
  const at = measurements.findLastIndex(({ pcr }) => pcr === MODULE_PCR);
  return measurements.map((measurement, index): Measurement => {
    if (index !== at) return measurement;
    return measuredContent(
      banks,
      MODULE_PCR,
      'EV_EVENT_TAG',
      measurement.data,
      Buffer.from('another module'),
    );
  });
};
