import { createHash } from 'node:crypto';

import { EVENT_TYPES, HASH_ALGORITHMS } from '../../../../wire/tpm2/index.js';
import { eventText, eventsOf, measuredBytes } from '../event-profile.js';
import { JUDGED_BANK, judgedPcrs } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Where the digest is of the event's own data, the data is what was measured. */
export const eventData: AppraisalStep = {
  name: 'event_data',
  check(material) {
    const events = eventsOf(material, judgedPcrs(material));
    if (!events) return LACKING;
    for (const event of events) {
      const measured = measuredBytes(event, event.type !== undefined && EVENT_TYPES[event.type].digestOfData);
      if (!measured) continue;
      const actual = createHash(HASH_ALGORITHMS[JUDGED_BANK].nodeName).update(measured).digest();
      if (!actual.equals(event.digest)) {
        return failed('event_data_digest_mismatch', {
          expected: `${eventText(event)} with data of digest ${event.digest.toString('hex')}`,
          actual: `data of digest ${actual.toString('hex')}`,
        });
      }
    }
    return PASSED;
  },
};
