import * as z from 'zod';

/** Bounds of what an attestation service tells of a verdict. Own choice. */
export const EXPLANATION_LIMITS = {
  /** Characters of `expected` and `actual` of a step. */
  shownCharacters: 2048,
  /** PCR comparisons: 24 PCRs of four banks. */
  pcrs: 96,
  /** Event comparisons; ESXi calls a log of more than 1,000 events unreliable. */
  events: 1200,
  /** Characters of an event's texts. */
  eventCharacters: 256,
} as const satisfies Record<string, number>;

const digest = z
  .string()
  .max(128)
  .regex(/^[0-9a-f]*$/, 'lower-case hex');
const text = z.string().max(EXPLANATION_LIMITS.eventCharacters);

/** How an event compares with what the service holds against it. */
export const EVENT_VERDICTS = {
  same: 'It is what is expected.',
  differs: 'Its digest, or what it says, is another one than expected.',
  unexpected: 'Nothing like it belongs there.',
  missing: 'It belongs there, but the log does not have it.',
  'not judged': "No rule says what it must be: each host's own, or measured by firmware.",
} as const satisfies Record<string, string>;

/** How an event compares with what the service holds against it. */
export type EventVerdict = keyof typeof EVENT_VERDICTS;

/** A PCR as the TPM quoted it, and as the event log replays to it. */
export const pcrComparison = z.strictObject({
  /** Hash algorithm of the bank, for example `SHA256`. */
  bank: z.string().max(16),
  pcr: z.number().int().min(0).max(23),
  /** Digest in hex. */
  quoted: digest,
  /** Digest in hex; undefined for a bank that the log is not replayed in. */
  replayed: digest.optional(),
});

/** A PCR as the TPM quoted it, and as the event log replays to it. */
export type PcrComparison = z.infer<typeof pcrComparison>;

/** An event of the log, or one that is missing from it, held against what was expected. */
export const eventComparison = z.strictObject({
  /** Its place in the log, 1 for the first after the Spec ID event; 0 for one that is missing. */
  index: z.number().int().min(0).max(65_535),
  pcr: z.number().int().min(0).max(23),
  /** Its type, for example `EV_EVENT_TAG`. */
  type: text,
  /** What was measured, for example the name of a module. */
  subject: text,
  /** What a passing host has there: a digest, or a sentence. */
  expected: text.optional(),
  /** What this one has: a digest, or a sentence. */
  actual: text,
  verdict: z.enum(Object.keys(EVENT_VERDICTS) as [EventVerdict, ...EventVerdict[]]),
});

/** An event of the log, or one that is missing from it, held against what was expected. */
export type EventComparison = z.infer<typeof eventComparison>;

/** PCR by PCR and event by event, as an `appraisal` context carries it if the evidence asks to explain. */
export interface Comparisons {
  readonly pcrs: readonly PcrComparison[];
  readonly events: readonly EventComparison[];
}

/** Everything that is told of an appraisal: its steps, and what they rest on. */
export interface Explanation<Step> extends Comparisons {
  readonly steps: readonly Step[];
}
