import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { seededRng } from '../../core/rng.js';
import { killRound } from './kill-rounds.js';

/** What `npm run build` made, which `npm test` does first. */
const COMMAND =
  process.env.KPSIM_COMMAND ?? fileURLToPath(new URL('../../dist/bin/kpsim.js', import.meta.url));
/** `npm run test:kill` does a hundred. */
const ROUNDS = Number(process.env.KPSIM_KILL_ROUNDS ?? 3);
const SEED = process.env.KPSIM_KILL_SEED ?? 'kill';

describe.runIf(existsSync(COMMAND))('a key server that is killed while clients write', () => {
  test(
    `loses nothing that it has answered, ${ROUNDS} times on one data directory`,
    { timeout: ROUNDS * 20_000 },
    async () => {
      const dataDir = await makeDataDir();
      const rng = seededRng(SEED);
      const totals = { answered: 0, objects: 0, unanswered: 0 };
      for (let number = 1; number <= ROUNDS; number += 1) {
        const round = await killRound(dataDir.path, rng, COMMAND);
        expect(round.losses, `round ${number} of seed ${SEED}`).toEqual([]);
        expect(round.answered).toBeGreaterThan(0);
        totals.answered += round.answered;
        totals.objects += round.objects;
        totals.unanswered += round.unanswered;
      }
      if (ROUNDS > 3) process.stdout.write(`${ROUNDS} rounds: ${JSON.stringify(totals)}, nothing lost\n`);
      await dataDir.remove();
    },
  );
});
