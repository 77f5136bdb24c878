import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Dice } from '../../bench/kmip-fuzz/dice.js';
import { verdictOn } from '../../bench/kmip-fuzz/judge.js';
import { damaged } from '../../bench/kmip-fuzz/mutations.js';
import { seedMessages } from '../../bench/kmip-fuzz/seeds.js';
import type { FuzzLane } from '../../bench/kmip-fuzz/target.js';
import { FuzzTarget } from '../../bench/kmip-fuzz/target.js';
import { requestBytes } from '../../kms/client/session.js';
import { readRequest } from '../../kms/server/request-header.js';
import { KmipError, MESSAGE_ENCODINGS } from '../../wire/kmip/index.js';
import { fc } from '../property.js';

/* The same as `npm run fuzz:kmip`, for a moment and with seeds that stay the same. */

const seeds = seedMessages();
/** What a damaged message depends on. */
const seed = fc.nat({ max: 0x7fffffff });

test('damaged messages of every encoding are read, or refused with a KMIP error', () => {
  let refused = 0;
  fc.assert(
    fc.property(seed, (number) => {
      const { encoding, bytes } = damaged(new Dice(number), { seeds, identifiers: ['an object'] });
      try {
        readRequest(MESSAGE_ENCODINGS[encoding].toTtlv(bytes));
      } catch (error) {
        refused += 1;
        expect(error).toBeInstanceOf(KmipError);
        expect(['InvalidMessage', 'InvalidField']).toContain((error as KmipError).reason);
      }
    }),
    { seed: 1, numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(200);
});

describe('a key server', () => {
  let target: FuzzTarget;
  let lane: FuzzLane;
  beforeAll(async () => {
    target = await FuzzTarget.start();
    lane = target.lane();
  });
  afterAll(async () => {
    lane.close();
    await target[Symbol.asyncDispose]();
  });

  test('answers damaged messages of every encoding with responses, never with a General Failure', async () => {
    const identifiers: string[] = [];
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(seed, async (number) => {
        const message = damaged(new Dice(number), { seeds, identifiers });
        const verdict = verdictOn(message, await lane.send(message));
        expect(verdict.defect).toBeUndefined();
        identifiers.push(...verdict.identifiers);
        for (const outcome of verdict.outcomes) outcomes.add(outcome);
      }),
      { seed: 1, numRuns: 400, endOnFailure: true },
    );
    expect(target.problems).toEqual([]);
    // Not all were refused at the door.
    expect([...outcomes]).toEqual(expect.arrayContaining(['Success', 'InvalidMessage', 'InvalidField']));
    const discover = requestBytes({ protocolVersion: '1.2' }, [
      { operation: 'DiscoverVersions', payload: {} },
    ]);
    const message = { encoding: 'ttlv', bytes: discover } as const;
    expect(verdictOn(message, await lane.send(message)).outcomes).toEqual(['Success']);
  });
});
