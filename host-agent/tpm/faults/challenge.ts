import type { ChallengeContext } from '../../../wire/attestation/index.js';
import type { AnyFaultRow, EvidenceParts, FaultMemory, TpmFaultStages } from '../fault-stages.js';

/** The value of the first time, again and again. */
function firstOnly<T>(memory: FaultMemory, key: string, value: T): T {
  if (!memory.has(key)) memory.set(key, value);
  // Only this function writes under this key, and always a T.
  return memory.get(key) as T;
}

const CONSTANT_NONCE = Buffer.alloc(32);

/** A challenge that the host keeps, and since when. */
interface HeldChallenge {
  readonly challenge: ChallengeContext;
  readonly sinceMs: number;
}

/** The longest lifetime of a challenge unless a service is told otherwise, and a second more. */
const EXPIRED_AFTER_MS = 61_000;

/** Faults of how the host answers challenges. */
export const CHALLENGE_FAULTS: readonly AnyFaultRow<
  Pick<TpmFaultStages, 'ask' | 'challenge' | 'evidence'>
>[] = [
  {
    name: 'nonce-reused',
    catalogueNumbers: [19],
    sentence: 'After an honest first attestation the host sends its evidence again whenever it attests.',
    stage: 'evidence',
    apply: (evidence, memory) => firstOnly<EvidenceParts>(memory, 'nonce-reused', evidence),
  },
  {
    name: 'nonce-constant',
    catalogueNumbers: [20],
    sentence: 'The host quotes with the same nonce whatever the challenge says.',
    stage: 'challenge',
    apply: (challenge) => ({ ...challenge, nonce: CONSTANT_NONCE }),
  },
  {
    name: 'challenge-expired',
    catalogueNumbers: [21],
    sentence:
      'The host keeps a challenge and attests with another; from 61 seconds later on, by its clock, it answers the one it kept.',
    stage: 'ask',
    apply: async (ask, { clock }, memory) => {
      if (!memory.has('challenge-expired')) {
        const kept: HeldChallenge = { challenge: await ask(), sinceMs: clock.now() };
        memory.set('challenge-expired', kept);
      }
      // Only this fault writes under this key.
      const { challenge, sinceMs } = memory.get('challenge-expired') as HeldChallenge;
      return clock.now() - sinceMs >= EXPIRED_AFTER_MS ? challenge : ask();
    },
  },
  {
    name: 'pcr-value-swapped',
    catalogueNumbers: [26],
    sentence: 'Two of the PCR values that are sent beside the quote are swapped.',
    stage: 'evidence',
    apply: (evidence) => ({ ...evidence, pcrValues: swapped(evidence.pcrValues) }),
  },
  {
    name: 'pcr-value-missing',
    catalogueNumbers: [27],
    sentence: 'One of the PCR values that are sent beside the quote is left out.',
    stage: 'evidence',
    apply: (evidence) => ({
      ...evidence,
      pcrValues: new Map(
        [...evidence.pcrValues].map(([bank, values]) => [bank, new Map([...values].slice(1))]),
      ),
    }),
  },
];

/** Swaps the first two values of each bank that differ. */
function swapped(pcrValues: EvidenceParts['pcrValues']): EvidenceParts['pcrValues'] {
  return new Map(
    [...pcrValues].map(([bank, values]) => {
      const [first, ...rest] = [...values];
      const second = first === undefined ? undefined : rest.find(([, value]) => !value.equals(first[1]));
      const result = new Map(values);
      if (first !== undefined && second !== undefined) {
        result.set(first[0], second[1]);
        result.set(second[0], first[1]);
      }
      return [bank, result];
    }),
  );
}
