import type { OperationName } from '../../wire/kmip/index.js';
import type { BatchRequest, HeaderOptions } from './session.js';

/** Operations that change nothing, so that one whose answer was lost may be asked again. */
const REPEATABLE: ReadonlySet<OperationName> = new Set<OperationName>([
  'Get',
  'GetAttributes',
  'GetAttributeList',
  'Export',
  'Locate',
  'Check',
  'Validate',
  'Query',
  'DiscoverVersions',
  'Ping',
  // A result is kept after it was polled.
  'Poll',
  'QueryAsynchronousRequests',
  'RNGRetrieve',
]);

/** Whether a batch may be sent again when no answer came. */
export function isRepeatable(
  batch: readonly BatchRequest[],
  { asynchronousIndicator = 'Prohibited' }: HeaderOptions = {},
): boolean {
  // An asynchronous request leaves its result on the server, whatever it does.
  return asynchronousIndicator === 'Prohibited' && batch.every(({ operation }) => REPEATABLE.has(operation));
}
