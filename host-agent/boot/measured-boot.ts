import type { BaseImage } from '../../wire/esx-image/index.js';
import { buildEventLog } from '../../wire/tpm2/index.js';
import type { EventLog, HashAlgorithm } from '../../wire/tpm2/index.js';
import type { TpmClient } from '../tpm/index.js';
import { loaderMeasurements } from './esxi-loader.js';
import type { BootLoaderOptions } from './esxi-loader.js';
import { DEFAULT_FIRMWARE, exitMeasurements, firmwareMeasurements } from './firmware.js';
import type { FirmwareProfile } from './firmware.js';
import type { Measurement } from './measurement.js';
import { DEFAULT_SECURE_BOOT } from './secure-boot.js';
import type { SecureBootPolicy } from './secure-boot.js';

/** A boot: what is started, and how. */
export interface MeasuredBootOptions extends BootLoaderOptions {
  /** The TPM, started and with nothing measured yet. */
  readonly tpm: TpmClient;
  readonly image: BaseImage;
  readonly secureBoot?: SecureBootPolicy;
  readonly firmware?: FirmwareProfile;
  /** Locality at which the TPM was started, if it was not 0. */
  readonly startupLocality?: number;
  /** Changes what is measured and logged; for faults. */
  readonly alter?: (
    measurements: readonly Measurement[],
    banks: readonly HashAlgorithm[],
  ) => readonly Measurement[];
}

/** What a boot leaves behind, beside the PCRs. */
export interface MeasuredBoot {
  /** The TCG2 event log, as firmware hands it to the operating system. */
  readonly eventLog: Buffer;
  readonly log: EventLog;
}

/** Boots: extends the PCRs as firmware and the ESXi boot loader do, and writes the event log. */
export async function measuredBoot(options: MeasuredBootOptions): Promise<MeasuredBoot> {
  const banks = await options.tpm.pcrBanks();
  const planned = bootMeasurements(banks, options);
  const measurements = options.alter?.(planned, banks) ?? planned;
  for (const { pcr, digests, extended } of measurements) {
    if (extended) await options.tpm.pcrExtend(pcr, digests);
  }
  const events = measurements
    .filter(({ logged }) => logged)
    .map(({ pcr, eventType, digests, data }) => ({ pcr, eventType, digests, data }));
  const log: EventLog = { banks, events };
  return { eventLog: buildEventLog(log), log };
}

/** What is measured, in order. */
export function bootMeasurements(
  banks: readonly HashAlgorithm[],
  options: Omit<MeasuredBootOptions, 'tpm'>,
): Measurement[] {
  return [
    ...firmwareMeasurements(
      banks,
      options.firmware ?? DEFAULT_FIRMWARE,
      options.secureBoot ?? DEFAULT_SECURE_BOOT,
      options.startupLocality ?? 0,
    ),
    ...loaderMeasurements(banks, options.image, options),
    ...exitMeasurements(banks),
  ];
}
