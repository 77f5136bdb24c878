import type { MethodHandlers } from '../../wire/vim25/index.js';
import { principalOf } from './caller.js';
import type { Caller } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Events given at most in one answer. */
const ANSWER_LIMIT = 1000;

/** EventManager: the event history. */
export const EVENT_MANAGER_METHODS: MethodHandlers<Caller, 'EventManager'> = {
  QueryEvents(caller, _self, { filter }) {
    const { events, authorization } = caller.vcenter;
    const principal = principalOf(caller);
    return events
      .query({ ...filter, maxCount: Math.min(filter.maxCount ?? ANSWER_LIMIT, ANSWER_LIMIT) })
      .filter((event) => {
        const object = event.vm?.vm ?? event.host?.host ?? event.datacenter?.datacenter;
        return !object || authorization.has(principal, object, 'System.View');
      });
  },
};

/** Properties of EventManager. */
export const EVENT_MANAGER_PROPERTIES: PropertyReaders<'EventManager'> = {
  latestEvent: ({ vcenter }) => vcenter.events.latest,
  maxCollector: () => 0,
};
