import { EXPLANATION_LIMITS } from '../../../wire/attestation/index.js';
import type { Comparisons, EventComparison, PcrComparison } from '../../../wire/attestation/index.js';
import { allEventsOf } from './event-profile.js';
import type { JudgedEvent } from './event-profile.js';
import { closestImage, compareWithImage, matchingImage, subjectOf } from './image-comparison.js';
import type { MeasurementComparison } from './image-comparison.js';
import { JUDGED_BANK, quoteOf, valueOf } from './material.js';
import type { Material } from './material.js';
import { variableOf } from './secure-boot.js';

/** Holds evidence against what the service knows, PCR by PCR and event by event. It holds no secret of either side. */
export function comparisonsOf(material: Material): Comparisons {
  return { pcrs: pcrsOf(material).slice(0, EXPLANATION_LIMITS.pcrs), events: bounded(eventsOf(material)) };
}

function pcrsOf(material: Material): PcrComparison[] {
  const replayed = valueOf(material.replayed);
  return (quoteOf(material)?.selections ?? []).flatMap(({ hashAlg, pcrs }) =>
    pcrs.map((pcr) => {
      const logged = hashAlg === JUDGED_BANK ? replayed?.get(pcr)?.toString('hex') : undefined;
      return {
        bank: hashAlg,
        pcr,
        quoted: material.pcrValues.get(hashAlg)?.get(pcr)?.toString('hex') ?? '',
        ...(logged !== undefined && { replayed: logged }),
      };
    }),
  );
}

function eventsOf(material: Material): EventComparison[] {
  const events = allEventsOf(material);
  if (!events) return [];
  const image = matchingImage(material) ?? closestImage(material);
  const compared = image ? compareWithImage(material, image) : [];
  const byEvent = new Map(compared.map((one) => [one.event, one]));
  const logged = events.map((event) => eventComparison(event, byEvent.get(event)));
  const missing = compared.filter(({ verdict }) => verdict === 'missing').map(missingComparison);
  return [...logged, ...missing];
}

function eventComparison(event: JudgedEvent, compared: MeasurementComparison | undefined): EventComparison {
  const { tagged, digest, dataDigest, belongs } = event;
  const told = {
    index: event.number,
    pcr: event.pcr,
    type: event.type ?? 'unknown',
    subject: cut(subjectOfEvent(event)),
  };
  const actual = digest.toString('hex');
  if (!belongs) return { ...told, actual, verdict: 'unexpected' };
  if (dataDigest && !event.hasDataDigest) {
    return {
      ...told,
      expected: actual,
      actual: `data of digest ${dataDigest.toString('hex')}`,
      verdict: 'differs',
    };
  }
  const variable = variableOf(event);
  if (variable?.name === 'SecureBoot') {
    const value = cut(variable.data.toString('hex'));
    return { ...told, expected: '01', actual: value, verdict: value === '01' ? 'same' : 'differs' };
  }
  if (!compared) return { ...told, actual, verdict: tagged && !tagged.tag ? 'unexpected' : 'not judged' };
  const { expected, verdict } = compared;
  return { ...told, ...(expected !== undefined && { expected }), actual, verdict };
}

function missingComparison({ pcr, subject, expected = '' }: MeasurementComparison): EventComparison {
  const told = { index: 0, pcr, type: 'EV_EVENT_TAG', subject };
  return { ...told, expected, actual: 'not measured', verdict: 'missing' };
}

function subjectOfEvent(event: JudgedEvent): string {
  const { tagged } = event;
  if (tagged?.tag) return subjectOf(tagged.tag, tagged.payload);
  return variableOf(event)?.name ?? (tagged ? 'tagged event' : `${event.data.length} bytes`);
}

function cut(text: string): string {
  return text.slice(0, EXPLANATION_LIMITS.eventCharacters);
}

/** All of them or, where there are too many, those that differ first, in their order. */
function bounded(events: readonly EventComparison[]): EventComparison[] {
  if (events.length <= EXPLANATION_LIMITS.events) return [...events];
  const isPlain = ({ verdict }: EventComparison): boolean => verdict === 'same' || verdict === 'not judged';
  const telling = events.filter((event) => !isPlain(event)).slice(0, EXPLANATION_LIMITS.events);
  const plain = events.filter(isPlain).slice(0, EXPLANATION_LIMITS.events - telling.length);
  return [...telling, ...plain];
}
