import type { ChallengeContext } from '../../../wire/attestation/index.js';
import { encodeTpm2bPublic } from '../../../wire/tpm2/index.js';
import type { AnyFaultRow, EvidenceParts, FaultMemory, TpmFaultStages } from '../fault-stages.js';

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
    sentence: 'After an honest attestation the host sends its evidence once more, at the next one.',
    stage: 'evidence',
    apply: replayedOnce,
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
      'The host keeps a challenge and attests with another; from 61 seconds later on, by its clock, it once answers the one it kept.',
    stage: 'ask',
    apply: async (ask, { clock }, memory) => {
      if (!memory.has('challenge-expired')) {
        const kept: HeldChallenge = { challenge: await ask(), sinceMs: clock.now() };
        memory.set('challenge-expired', kept);
      }
      // Only this fault writes under this key.
      const { challenge, sinceMs } = memory.get('challenge-expired') as HeldChallenge;
      if (clock.now() - sinceMs < EXPIRED_AFTER_MS) return ask();
      memory.delete('challenge-expired');
      return challenge;
    },
  },
  {
    name: 'pcr-value-swapped',
    catalogueNumbers: [26],
    sentence: 'Two of the PCR values that are sent beside a quote are swapped.',
    stage: 'evidence',
    momentary: true,
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
  {
    name: 'ak-public-trailing-bytes',
    catalogueNumbers: [30],
    sentence: 'Bytes follow the end of the public area of the attestation key.',
    stage: 'evidence',
    apply: (evidence) => ({
      ...evidence,
      akPublicBytes: Buffer.concat([encodeTpm2bPublic(evidence.akPublic), Buffer.from([0])]),
    }),
  },
  {
    name: 'ak-public-truncated',
    catalogueNumbers: [30],
    sentence: 'The public area of the attestation key lacks its last byte.',
    stage: 'evidence',
    apply: (evidence) => ({
      ...evidence,
      akPublicBytes: encodeTpm2bPublic(evidence.akPublic).subarray(0, -1),
    }),
  },
];

/** Remembers the evidence of one attestation, sends it again at the next, and is honest from then on. */
function replayedOnce(evidence: EvidenceParts, memory: FaultMemory): EvidenceParts {
  const remembered = memory.get('nonce-reused');
  if (remembered === SPENT) return evidence;
  memory.set('nonce-reused', remembered === undefined ? evidence : SPENT);
  // Only this function writes under this key.
  return remembered === undefined ? evidence : (remembered as EvidenceParts);
}

const SPENT = Symbol('spent');

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
