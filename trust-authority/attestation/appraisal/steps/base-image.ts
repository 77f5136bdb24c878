import { closestImage, compareWithImage, loaderMeasurements, matchingImage } from '../image-comparison.js';
import type { MeasurementComparison } from '../image-comparison.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** What the boot loader measured is exactly what it measures of one trusted image. */
export const baseImage: AppraisalStep = {
  name: 'base_image',
  check(material) {
    const measured = loaderMeasurements(material);
    if (!measured) return LACKING;
    const { baseImages } = material.reference;
    const booted = matchingImage(material);
    if (booted) {
      return passed({
        expected: `one of ${baseImages.length} trusted images`,
        actual: booted.image.displayName,
      });
    }
    const closest = closestImage(material);
    if (!closest) {
      return failed('base_image_not_trusted', {
        expected: 'a trusted image, of which there is none',
        actual: `${measured.texts.length} measurements`,
      });
    }
    return failed('base_image_not_trusted', {
      expected: `${closest.image.displayName}, or another of ${baseImages.length} trusted images`,
      actual: differenceText(compareWithImage(material, closest)),
    });
  },
};

function differenceText(compared: readonly MeasurementComparison[]): string {
  const differing = compared.filter(({ verdict }) => verdict !== 'same');
  return `${differing.length} differences: ${differing.map(oneDifference).join('; ')}`;
}

function oneDifference({ verdict, pcr, tag, subject, event }: MeasurementComparison): string {
  const what = `PCR ${pcr} ${tag} ${subject}`;
  return verdict === 'missing'
    ? `${what} missing`
    : `${what} ${verdict} ${event?.digest.toString('hex') ?? ''}`;
}
