import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { systemClock } from '../../../core/clock.js';
import type { Logger } from '../../../core/logging.js';
import { silentLogger } from '../../../core/logging.js';
import { SoftwareTpmMaker, SwtpmMaker, TpmClient, createTpmVendor } from '../../../host-agent/tpm/index.js';
import type {
  ManufactureOptions,
  TpmAddress,
  TpmDeviceHandle,
  TpmKind,
  TpmMaker,
  TpmVendor,
} from '../../../host-agent/tpm/index.js';

let vendor: Promise<TpmVendor> | undefined;

/** One maker's certificates for all TPMs of a test file. */
export function testVendor(): Promise<TpmVendor> {
  vendor ??= createTpmVendor();
  return vendor;
}

/** What a test device stands on, if not on the usual. */
export interface TestMakerOptions {
  readonly log?: Logger;
  readonly listen?: TpmAddress;
  readonly dataDir?: string;
  readonly programs?: readonly string[];
}

/** A directory that goes when the test has finished. */
export async function tpmDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kpsim-tpm-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A maker of TPMs of that kind. */
export async function makerOf(kind: TpmKind, options: TestMakerOptions = {}): Promise<TpmMaker> {
  const { log = silentLogger, listen, programs } = options;
  if (kind === 'software') return new SoftwareTpmMaker({ clock: systemClock, log, listen });
  const dataDir = options.dataDir ?? (await tpmDirectory());
  return new SwtpmMaker({ dataDir, log, listen, programs });
}

/** A new TPM of that kind, waiting for TPM2_Startup; it is switched off when the test has finished. */
export async function newDevice(
  kind: TpmKind,
  options: TestMakerOptions = {},
  making: Partial<ManufactureOptions> = {},
): Promise<TpmDeviceHandle> {
  const maker = await makerOf(kind, options);
  const { issuing } = await testVendor();
  const device = await maker.make({ ekCa: issuing, endorsementKeys: ['p256'], ...making });
  onTestFinished(() => device.close());
  return device;
}

/** A started TPM of that kind, and its commands. */
export async function startedDevice(
  kind: TpmKind,
  options: TestMakerOptions = {},
  making: Partial<ManufactureOptions> = {},
): Promise<{ readonly device: TpmDeviceHandle; readonly client: TpmClient }> {
  const device = await newDevice(kind, options, making);
  const client = new TpmClient(device.transport());
  await client.startup();
  return { device, client };
}
