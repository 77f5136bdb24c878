import { dateTime, integer, interval, textString } from '../schema/codec.js';
import type { Codec, ValueOf } from '../schema/codec.js';
import { multiple, optional, required, structure } from '../schema/structure.js';
import { usageLimits } from '../structures/base.js';
import { ticket } from '../structures/credential.js';
import { identifierReference } from '../structures/identifier.js';
import { ITEM_TYPES } from '../ttlv/types.js';
import { operations } from './asynchronous.js';

/** How long a ticket is good: for seconds, or until a time in seconds since 1970. */
export type TicketLease = { readonly seconds: number } | { readonly until: number };

/** A Lease Time that is an Interval or a Date-Time. */
const ticketLease: Codec<TicketLease> = {
  read: (reader) =>
    reader.type === ITEM_TYPES.DateTime ? { until: reader.dateTime() } : { seconds: reader.interval() },
  write: (writer, tag, value, siblings) => {
    if ('until' in value) dateTime.write(writer, tag, value.until, siblings);
    else interval.write(writer, tag, value.seconds, siblings);
  },
};

/** KMIP 2.1 §7.23. */
export const objectGroups = structure('Object Groups', { objectGroups: multiple('ObjectGroup', textString) });

/** KMIP 2.1 §7.34. */
export const right = structure('Right', {
  usageLimits: optional('UsageLimits', usageLimits),
  operations: optional('Operations', operations),
  objects: optional(
    'Objects',
    structure('Objects', { uniqueIdentifiers: multiple('UniqueIdentifier', identifierReference) }),
  ),
  objectGroups: optional('ObjectGroups', objectGroups, { since: '2.1' }),
});
/** A {@link right}. */
export type Right = ValueOf<typeof right>;

const limits = {
  leaseTime: optional('LeaseTime', ticketLease),
  requestCount: optional('RequestCount', integer),
  usageLimits: optional('UsageLimits', usageLimits),
} as const;

/** KMIP 2.1 §6.1.30. */
export const loginRequest = structure('Login Request Payload', limits);

/** KMIP 2.1 §6.1.12. */
export const delegatedLoginRequest = structure('Delegated Login Request Payload', {
  ...limits,
  rights: required('Rights', structure('Rights', { rights: multiple('Right', right) })),
});

/** KMIP 2.1 §6.1.12, §6.1.30, §6.1.31: what both logins answer, and Logout asks. */
export const ticketPayload = structure('Payload', { ticket: required('Ticket', ticket) });
