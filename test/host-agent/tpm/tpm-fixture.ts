import { AdjustableClock } from '../../../core/clock.js';
import {
  SoftwareTpmTransport,
  TpmClient,
  createTpmVendor,
  manufacture,
} from '../../../host-agent/tpm/index.js';
import type { ManufactureOptions, SoftwareTpm, TpmVendor } from '../../../host-agent/tpm/index.js';

/** A TPM that has been made and started, with everything a test looks at. */
export interface TpmFixture {
  readonly vendor: TpmVendor;
  readonly clock: AdjustableClock;
  readonly tpm: SoftwareTpm;
  readonly client: TpmClient;
}

/** A TPM with a P-256 endorsement key only, unless asked for more: RSA takes a while to make. */
export async function startedTpm(options: Partial<ManufactureOptions> = {}): Promise<TpmFixture> {
  const clock = new AdjustableClock();
  const vendor = await createTpmVendor({ clock });
  const tpm = await manufacture({
    ekCa: vendor.issuing,
    clock,
    endorsementKeys: ['p256'],
    ...options,
  });
  const client = new TpmClient(new SoftwareTpmTransport(tpm));
  await client.startup();
  return { vendor, clock, tpm, client };
}
