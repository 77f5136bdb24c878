import { join } from 'node:path';

import { createContext } from '../../core/context.js';
import { makePrivateDir } from '../../core/data-dir.js';
import { KpsimError } from '../../core/errors.js';
import { systemRng } from '../../core/rng.js';
import { HostStore } from '../../host-agent/store.js';
import { createTpmVendor } from '../../host-agent/tpm/index.js';
import type { TpmKind } from '../../host-agent/tpm/index.js';
import { HostTpm } from '../../host-agent/trust/host-tpm.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import type { Row } from '../kmip/report.js';
import { median } from '../kmip/rounds.js';
import type { Setting } from '../kmip/setting.js';

const CEILINGS_MS = { software: 20, swtpm: 150 } as const satisfies Record<TpmKind, number>;
const BOOT = { image: presetBaseImage('8.0.3'), secureBoot: true };

/**
 * How long a host takes to boot measured, from power on to an attestation key that is ready: with the built-in TPM, and
 * with swtpm including the start of its process.
 */
export async function bootRows({ directory, quick }: Setting): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const kind of ['software', 'swtpm'] as const) {
    const what = `boot of a host, TPM ${kind}`;
    const floor = `< ${CEILINGS_MS[kind]} ms`;
    try {
      const times = await bootTimes(kind, await makePrivateDir(join(directory, kind)), quick ? 10 : 50);
      const middle = median(times);
      const measured = `${middle.toFixed(1)} ms, best ${(times[0] ?? NaN).toFixed(1)}, worst ${(times.at(-1) ?? NaN).toFixed(1)} of ${times.length}`;
      rows.push({ what, measured, floor, holds: middle < CEILINGS_MS[kind], details: times });
    } catch (error) {
      if (!(error instanceof KpsimError) || error.code !== 'tpm_program_missing') throw error;
      rows.push({ what, measured: 'swtpm is not installed', floor, holds: undefined });
    }
  }
  return rows;
}

/** Milliseconds of each boot of a host that has its TPM already: opened, measured, key made, state kept; sorted. */
async function bootTimes(kind: TpmKind, dataDir: string, rounds: number): Promise<readonly number[]> {
  const context = createContext({ dataDir });
  const parts = { tpmVendor: await createTpmVendor() };
  const store = await HostStore.open(dataDir, systemRng);
  const open = (): Promise<HostTpm> => HostTpm.open({ context, store, parts, kind, faultNames: [] });
  const times: number[] = [];
  try {
    const first = await open();
    await first.boot(BOOT);
    await first.close();
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now();
      const tpm = await open();
      await tpm.boot(BOOT);
      times.push(performance.now() - start);
      if (tpm.eventLog.length === 0) throw new Error('the TPM failed at boot');
      await tpm.close();
    }
  } finally {
    await store.close();
  }
  return times.sort((left, right) => left - right);
}
