import { PCR_ESXI_TAGS, PCR_EVENT_TYPES, eventText, eventsOf } from '../event-profile.js';
import type { JudgedEvent } from '../event-profile.js';
import { judgedPcrs } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Every event in a quoted PCR is of a type, and with ESXi of a tag, that belongs there. */
export const eventTypes: AppraisalStep = {
  name: 'event_types',
  check(material) {
    const events = eventsOf(material, judgedPcrs(material));
    if (!events) return LACKING;
    const odd = events.find((event) => !belongs(event));
    return odd
      ? failed('unexpected_event_type', {
          expected: `one of ${(PCR_EVENT_TYPES[odd.pcr] ?? []).join(', ')}`,
          actual: eventText(odd),
        })
      : PASSED;
  },
};

function belongs({ pcr, type, tagged }: JudgedEvent): boolean {
  const types = PCR_EVENT_TYPES[pcr];
  if (!types) return true; // no profile says what belongs into this PCR
  if (type === undefined || !types.includes(type)) return false;
  if (type !== 'EV_EVENT_TAG') return true;
  return tagged?.tag !== undefined && (PCR_ESXI_TAGS[pcr] ?? []).includes(tagged.tag);
}
