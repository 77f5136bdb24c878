import type { AttestationExplanation } from '../../lab/host-client.js';
import { APPRAISAL_STEPS } from '../../wire/attestation/index.js';
import type { EventComparison, PcrComparison } from '../../wire/attestation/index.js';
import { plainText } from '../terminal-text.js';

type Step = AttestationExplanation['steps'][number];

const MARKS: Readonly<Record<string, string>> = { passed: 'ok', failed: 'FAIL', skipped: 'skip' };
/** Events that need no look. */
const PLAIN_VERDICTS: ReadonlySet<string> = new Set(['same', 'not judged']);
const NAME_WIDTH = 26;
const INDENT = ' '.repeat(6);

/**
 * An explanation for people: steps, PCRs, events, verdict. What a host or a service says cannot steer the terminal.
 *
 * @param allEvents also those that are as expected, or that nothing is expected of
 */
export function explanationLines(
  host: string,
  explanation: AttestationExplanation,
  allEvents: boolean,
): readonly string[] {
  const { steps, pcrs, events, unanswered } = explanation;
  return [
    ...unanswered.map(({ service, error }) => `${service} did not answer: ${error}`),
    ...section('Steps', steps.flatMap(stepLines)),
    ...section('PCRs, as the TPM quoted them and as the event log replays to them', pcrs.flatMap(pcrLines)),
    ...section(eventsTitle(events, allEvents), shownEvents(events, allEvents).flatMap(eventLines)),
    ...verdictLines(host, explanation),
  ].map(plainText);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines, ''];
}

function stepLines({ name, status, expected, actual }: Step): string[] {
  const claim = Object.hasOwn(APPRAISAL_STEPS, name)
    ? APPRAISAL_STEPS[name as keyof typeof APPRAISAL_STEPS].claim
    : '';
  return [
    `  ${(MARKS[status] ?? status).padEnd(4)}  ${name.padEnd(NAME_WIDTH)}  ${claim}`.trimEnd(),
    ...compared('expected', expected, 'actual', actual),
  ];
}

function pcrLines({ bank, pcr, quoted, replayed }: PcrComparison): string[] {
  const name = `${bank} ${String(pcr).padStart(2)}`;
  if (replayed === undefined) return [`  -     ${name}  ${quoted} (not replayed)`];
  if (replayed === quoted) return [`  ok    ${name}  ${quoted}`];
  return [`  DIFF  ${name}`, ...compared('quoted', quoted, 'replayed', replayed)];
}

function shownEvents(events: readonly EventComparison[], all: boolean): readonly EventComparison[] {
  return all ? events : events.filter(({ verdict }) => !PLAIN_VERDICTS.has(verdict));
}

function eventsTitle(events: readonly EventComparison[], all: boolean): string {
  const differing = shownEvents(events, false).length;
  return all
    ? `Events: ${events.length}, of which ${differing} are not as expected`
    : `Events that are not as expected: ${differing} of ${events.length}`;
}

function eventLines({ index, pcr, type, subject, expected, actual, verdict }: EventComparison): string[] {
  const place = index === 0 ? '-' : `#${index}`;
  return [
    `  ${place.padEnd(5)} PCR ${String(pcr).padStart(2)}  ${verdict.padEnd(10)}  ${type}  ${subject}`,
    ...(verdict === 'same' ? [] : compared('expected', expected, 'actual', actual)),
  ];
}

function compared(wanted: string, expected: unknown, found: string, actual: unknown): string[] {
  return [
    ...(expected === undefined ? [] : [`${INDENT}${wanted.padEnd(8)}  ${textOf(expected)}`]),
    ...(actual === undefined ? [] : [`${INDENT}${found.padEnd(8)}  ${textOf(actual)}`]),
  ];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function verdictLines(host: string, { attested, service, group, ...told }: AttestationExplanation): string[] {
  const by = service === undefined ? '' : ` by ${service} (group ${group ?? ''})`;
  if (attested) return [`${host} is attested${by}.`];
  const { reason = 'no reason given', sentence, error, remedy } = told;
  return [
    `${host} is not attested${by}.`,
    `Reason: ${reason}${sentence === undefined ? '' : `. ${sentence}`}`,
    ...(error === undefined ? [] : [`Detail: ${error}`]),
    ...(remedy === undefined ? [] : [`Remedy: ${remedy}`]),
  ];
}
