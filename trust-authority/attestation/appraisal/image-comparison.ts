import { ESXI_PCR } from '../../../wire/esx-image/index.js';
import { decodeVersionRecord } from '../../../wire/tpm2/index.js';
import type { EsxiTag } from '../../../wire/tpm2/index.js';
import { measurementText, measurementsDigest } from '../base-images.js';
import type { TrustedBaseImage } from '../base-images.js';
import { allEventsOf } from './event-profile.js';
import type { JudgedEvent } from './event-profile.js';
import type { Material } from './material.js';

/** PCRs that the ESXi boot loader measures into. */
export const LOADER_PCRS: ReadonlySet<number> = new Set(Object.values(ESXI_PCR));

/** What is each host's own, so that no image can know it. */
const HOST_TAGS: ReadonlySet<EsxiTag> = new Set(['CMD_OPT', 'TAG']);

/** A kind of tagged event, or one that is none. */
type MeasuredTag = EsxiTag | 'malformed';

/** What the boot loader measured, as base images have it. */
interface LoaderMeasurements {
  /** {@link measurementText} of each, in the order of the log. */
  readonly texts: readonly string[];
  /** {@link measurementsDigest} of them. */
  readonly digest: string;
}

/** One measurement of the boot loader, held against an image. */
export interface MeasurementComparison {
  /** Undefined for what the image has and the log has not. */
  readonly event: JudgedEvent | undefined;
  readonly pcr: number;
  readonly tag: MeasuredTag;
  /** What was measured: the name of a file or of a component, or the kind of thing. */
  readonly subject: string;
  /** Digest in the image, hex. */
  readonly expected: string | undefined;
  readonly verdict: 'same' | 'differs' | 'unexpected' | 'missing';
}

/** By list of events, which belongs to a log: the step, the documents and the explanation all ask. */
const measurements = new WeakMap<readonly JudgedEvent[], LoaderMeasurements>();

/** The trusted image that the host booted; undefined if it booted none, or there is no log. */
export function matchingImage(material: Material): TrustedBaseImage | undefined {
  const measured = loaderMeasurements(material);
  return measured && material.reference.baseImages.find(({ digest }) => digest === measured.digest);
}

/** The trusted image that has most measurements in common with the log; undefined if none is trusted. */
export function closestImage(material: Material): TrustedBaseImage | undefined {
  const texts = loaderMeasurements(material)?.texts ?? [];
  const common = (image: TrustedBaseImage): number =>
    texts.filter((text) => image.measurements.has(text)).length;
  return material.reference.baseImages.reduce<TrustedBaseImage | undefined>(
    (best, image) => (best === undefined || common(image) > common(best) ? image : best),
    undefined,
  );
}

/** What the boot loader measured; undefined if there is no log. */
export function loaderMeasurements(material: Material): LoaderMeasurements | undefined {
  const events = allEventsOf(material);
  if (!events) return undefined;
  const known = measurements.get(events);
  if (known) return known;
  const texts = events.filter(isOfAnImage).map(textOf);
  const made = { texts, digest: measurementsDigest(texts) };
  measurements.set(events, made);
  return made;
}

/** Holds everything that the boot loader measured against an image, and adds what it did not measure. */
export function compareWithImage(material: Material, image: TrustedBaseImage): MeasurementComparison[] {
  const expected = new Map<string, Measured[]>();
  for (const text of image.measurements) {
    const measured = measuredOf(text);
    expected.set(measured.key, [...(expected.get(measured.key) ?? []), measured]);
  }
  const compared = (allEventsOf(material) ?? []).filter(isOfAnImage).map((event): MeasurementComparison => {
    const measured = measuredOf(textOf(event));
    const candidates = expected.get(measured.key) ?? [];
    const same = candidates.findIndex(({ digest }) => digest === measured.digest);
    const [found] = candidates.splice(Math.max(0, same), 1);
    const { pcr, tag, subject } = measured;
    const verdict = found === undefined ? 'unexpected' : same === -1 ? 'differs' : 'same';
    return { event, pcr, tag, subject, expected: found?.digest, verdict };
  });
  const missing = [...expected.values()]
    .flat()
    .map(({ pcr, tag, subject, digest }): MeasurementComparison => ({
      event: undefined,
      pcr,
      tag,
      subject,
      expected: digest,
      verdict: 'missing',
    }));
  return [...compared, ...missing];
}

/** Whether an event is one that an image accounts for. */
export function isOfAnImage({ pcr, tagged }: JudgedEvent): boolean {
  return LOADER_PCRS.has(pcr) && !(tagged?.tag && HOST_TAGS.has(tagged.tag));
}

interface Measured {
  /** Measurements of the same thing have the same. */
  readonly key: string;
  readonly pcr: number;
  readonly tag: MeasuredTag;
  readonly subject: string;
  readonly digest: string;
}

/** A malformed event keeps its place, so that a log with one matches no image. */
function textOf({ pcr, tagged, digest }: JudgedEvent): string {
  return tagged?.tag
    ? measurementText(pcr, tagged.tag, tagged.payload, digest)
    : `${pcr} malformed - ${digest.toString('hex')}`;
}

function measuredOf(text: string): Measured {
  const [pcr = '', tag = '', payload = '', digest = ''] = text.split(' ');
  const subject = subjectOf(tag as MeasuredTag, Buffer.from(payload, 'base64'));
  return { key: `${pcr} ${tag} ${subject}`, pcr: Number(pcr), tag: tag as MeasuredTag, subject, digest };
}

/** What a measurement is of, made fit to be shown. */
export function subjectOf(tag: MeasuredTag, payload: Buffer): string {
  return SUBJECTS[tag](payload);
}

const fileName = (payload: Buffer): string => shown(payload.toString('latin1'));

const SUBJECTS: Readonly<Record<MeasuredTag, (payload: Buffer) => string>> = {
  MOD: fileName,
  BOOT_OPT: fileName,
  CMD_OPT: () => 'command line',
  TAG: () => 'asset tag',
  SIGNER: () => 'signer certificate',
  VERSION: (payload) => `version of ${versionSubject(payload)}`,
  malformed: () => 'malformed event',
};

function versionSubject(payload: Buffer): string {
  try {
    return shown(decodeVersionRecord(payload).componentName);
  } catch {
    return 'a malformed record';
  }
}

/** Printable ASCII, 64 characters of it at most. */
function shown(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 64);
}
