import type { VimFault } from '../../wire/vim25/index.js';
import type { VapiErrorType } from './vapi-error.js';

/**
 * How the REST faces of vCenters and hosts say a fault of vim25: the first row that fits, derived faults included;
 * what is not here is `ERROR`. VMware publishes no such table. Own choice.
 */
const ROWS = [
  ['NotAuthenticated', 'UNAUTHENTICATED'],
  ['InvalidLogin', 'INVALID_ARGUMENT'], // the credential in a ServiceLocator; sessions answer about their own login
  ['NoPermission', 'UNAUTHORIZED'],
  ['ManagedObjectNotFound', 'NOT_FOUND'],
  ['NotFound', 'NOT_FOUND'],
  ['InvalidDatastore', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['DuplicateName', 'ALREADY_EXISTS'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['InvalidRequest', 'INVALID_ARGUMENT'],
  ['InvalidName', 'INVALID_ARGUMENT'],
  ['TaskInProgress', 'RESOURCE_BUSY'],
  ['ResourceInUse', 'RESOURCE_IN_USE'],
  ['InvalidState', 'NOT_ALLOWED_IN_CURRENT_STATE'],
  ['MigrationFault', 'NOT_ALLOWED_IN_CURRENT_STATE'],
  ['VmConfigFault', 'INVALID_ARGUMENT'],
  ['NotSupported', 'UNSUPPORTED'],
  ['HostCommunication', 'SERVICE_UNAVAILABLE'],
] as const satisfies readonly (readonly [VimFault['fault'], VapiErrorType])[];

/** The type of a REST error that a fault becomes. */
export function vapiTypeOf(fault: VimFault): VapiErrorType {
  return ROWS.find(([name]) => fault.is(name))?.[1] ?? 'ERROR';
}
