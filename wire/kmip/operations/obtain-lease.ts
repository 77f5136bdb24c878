import { dateTime, interval, textString } from '../schema/codec.js';
import { required, structure } from '../schema/structure.js';

/** KMIP 1.4 §4.17, KMIP 2.1 §6.1.35. */
export const obtainLeaseResponse = structure('Obtain Lease Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  leaseTime: required('LeaseTime', interval),
  lastChangeDate: required('LastChangeDate', dateTime),
});
