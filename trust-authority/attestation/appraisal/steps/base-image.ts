import type { BaseImage } from '../../../../wire/esx-image/index.js';
import { ESXI_PCR } from '../../../../wire/esx-image/index.js';
import type { EsxiTag } from '../../../../wire/tpm2/index.js';
import { measurementText, measurementsDigest } from '../../base-images.js';
import type { TrustedBaseImage } from '../../base-images.js';
import { eventsOf } from '../event-profile.js';
import type { Material } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

const LOADER_PCRS: ReadonlySet<number> = new Set(Object.values(ESXI_PCR));

/** What is each host's own, so that no image can know it. */
const HOST_TAGS: ReadonlySet<EsxiTag> = new Set(['CMD_OPT', 'TAG']);

/** What the boot loader measured is exactly what it measures of one trusted image. */
export const baseImage: AppraisalStep = {
  name: 'base_image',
  check(material) {
    const measured = loaderMeasurements(material);
    if (!measured) return LACKING;
    if (matching(material, measured)) return PASSED;
    const { baseImages } = material.reference;
    const closest = closestImage(baseImages, measured);
    return failed('base_image_not_trusted', {
      expected: closest
        ? `${closest.image.displayName}, or another of ${baseImages.length} trusted images`
        : 'a trusted image, of which there is none',
      actual: closest ? differenceText(closest, measured) : `${measured.length} measurements`,
    });
  },
};

/** The trusted image that the host booted; undefined if it booted none. */
export function bootedImage(material: Material): BaseImage | undefined {
  const measured = loaderMeasurements(material);
  return measured && matching(material, measured)?.image;
}

function matching({ reference }: Material, measured: readonly string[]): TrustedBaseImage | undefined {
  const digest = measurementsDigest(measured);
  return reference.baseImages.find((image) => image.digest === digest);
}

/** What the boot loader measured, by appraisal: the step and the documents both ask. */
const measurements = new WeakMap<Material, readonly string[]>();

function loaderMeasurements(material: Material): readonly string[] | undefined {
  const known = measurements.get(material);
  const measured = known ?? measuredByLoader(material);
  if (!known && measured) measurements.set(material, measured);
  return measured;
}

function measuredByLoader(material: Material): string[] | undefined {
  return eventsOf(material, LOADER_PCRS)?.flatMap(({ pcr, tagged, digest }) => {
    if (tagged?.tag && HOST_TAGS.has(tagged.tag)) return [];
    // A malformed event keeps its place, so that a log with one matches no image.
    return [tagged?.tag ? measurementText(pcr, tagged.tag, tagged.payload, digest) : `${pcr} malformed`];
  });
}

/** The image that has most measurements in common with the log. */
function closestImage(
  images: readonly TrustedBaseImage[],
  measured: readonly string[],
): TrustedBaseImage | undefined {
  const common = (image: TrustedBaseImage): number =>
    measured.filter((text) => image.measurements.has(text)).length;
  return images.reduce<TrustedBaseImage | undefined>(
    (best, image) => (best === undefined || common(image) > common(best) ? image : best),
    undefined,
  );
}

function differenceText(image: TrustedBaseImage, measured: readonly string[]): string {
  const strange = measured.filter((text) => !image.measurements.has(text));
  const [first] = strange;
  if (first === undefined) return `measurements of ${image.image.displayName} are missing or repeated`;
  const [pcr, tag, payload = '', digest] = first.split(' ');
  const name = tag === 'MOD' || tag === 'BOOT_OPT' ? ` ${nameText(payload)}` : '';
  return `${strange.length} other measurements, the first: PCR ${pcr ?? ''} ${tag ?? ''}${name} ${digest ?? ''}`;
}

/** The module name of a payload, as far as it can be shown. */
function nameText(payloadBase64: string): string {
  return Buffer.from(payloadBase64, 'base64')
    .toString('latin1')
    .replaceAll(/[^\x20-\x7e]/g, '')
    .slice(0, 64);
}
