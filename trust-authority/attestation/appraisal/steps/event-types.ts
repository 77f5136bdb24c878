import { PCR_EVENT_TYPES, eventText, eventsOf } from '../event-profile.js';
import { judgedPcrs } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Every event in a quoted PCR is of a type, and with ESXi of a tag, that belongs there. */
export const eventTypes: AppraisalStep = {
  name: 'event_types',
  check(material) {
    const events = eventsOf(material, judgedPcrs(material));
    if (!events) return LACKING;
    const odd = events.filter(({ belongs }) => !belongs);
    const [first] = odd;
    return first
      ? failed('unexpected_event_type', {
          expected: `in PCR ${first.pcr} one of ${(PCR_EVENT_TYPES[first.pcr] ?? []).join(', ')}`,
          actual: odd.map(eventText).join('; '),
        })
      : passed({ actual: `${events.length} events of types that belong into their PCRs` });
  },
};
