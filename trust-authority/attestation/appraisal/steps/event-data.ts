import { eventText, eventsOf } from '../event-profile.js';
import { judgedPcrs } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Where the digest is of the event's own data, the data is what was measured. */
export const eventData: AppraisalStep = {
  name: 'event_data',
  check(material) {
    const events = eventsOf(material, judgedPcrs(material));
    if (!events) return LACKING;
    const told = events.filter(({ hasDataDigest }) => hasDataDigest !== undefined);
    const odd = told.filter(({ hasDataDigest }) => !hasDataDigest);
    if (odd.length === 0) return passed({ actual: `${told.length} events have the digest of their data` });
    return failed('event_data_digest_mismatch', {
      expected: odd
        .map((event) => `${eventText(event)} with data of digest ${event.digest.toString('hex')}`)
        .join('; '),
      actual: odd.map(({ dataDigest }) => `data of digest ${dataDigest?.toString('hex') ?? ''}`).join('; '),
    });
  },
};
