/**
 * How long a host takes to boot measured, from power on to an attestation key that is ready: with the built-in TPM, and
 * with swtpm including the start of its process. Arguments: rounds for each (50).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createContext } from '../core/context.js';
import { systemRng } from '../core/rng.js';
import { HostStore } from '../host-agent/store.js';
import { createTpmVendor } from '../host-agent/tpm/index.js';
import type { TpmKind } from '../host-agent/tpm/index.js';
import { HostTpm } from '../host-agent/trust/host-tpm.js';
import { presetBaseImage } from '../wire/esx-image/index.js';

const rounds = Number(process.argv[2] ?? 50);
const SETTINGS = { image: presetBaseImage('8.0.3'), secureBoot: true };

/** Milliseconds of each boot of a host that has its TPM already: opened, measured, key made, state kept. */
async function bootTimes(kind: TpmKind): Promise<number[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kpsim-bench-boot-'));
  const context = createContext({ dataDir });
  const parts = { tpmVendor: await createTpmVendor() };
  const store = await HostStore.open(dataDir, systemRng);
  const open = (): Promise<HostTpm> => HostTpm.open({ context, store, parts, kind, faultNames: [] });
  const times: number[] = [];
  try {
    const first = await open();
    await first.boot(SETTINGS);
    await first.close();
    for (let round = 0; round < rounds; round += 1) {
      const start = performance.now();
      const tpm = await open();
      await tpm.boot(SETTINGS);
      times.push(performance.now() - start);
      if (tpm.eventLog.length === 0) throw new Error('the TPM failed at boot');
      await tpm.close();
    }
  } finally {
    await store.close();
    await rm(dataDir, { recursive: true, force: true });
  }
  return times.sort((left, right) => left - right);
}

for (const kind of ['software', 'swtpm'] as const) {
  const times = await bootTimes(kind);
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(1);
  process.stdout.write(
    `${kind.padEnd(8)} median ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms of ${rounds} boots\n`,
  );
}
