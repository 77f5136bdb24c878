import type { VapiErrorType } from '../../core/http/index.js';
import { VapiError } from '../../core/http/index.js';
import { VimFault, encodeFault } from '../../wire/vim25/index.js';
import type { FaultName } from '../../wire/vim25/index.js';
import { vmFaultOf } from './faults.js';

/** How the REST face says a fault of vim25; the first row that fits, derived faults included. Own choice. */
const VAPI_TYPES: readonly (readonly [FaultName, VapiErrorType])[] = [
  ['ManagedObjectNotFound', 'NOT_FOUND'],
  ['NotFound', 'NOT_FOUND'],
  ['InvalidState', 'NOT_ALLOWED_IN_CURRENT_STATE'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['DuplicateName', 'ALREADY_EXISTS'],
  ['TaskInProgress', 'RESOURCE_BUSY'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['InvalidRequest', 'INVALID_ARGUMENT'],
  ['InvalidDatastore', 'NOT_FOUND'],
  ['VmConfigFault', 'INVALID_ARGUMENT'],
  ['MigrationFault', 'NOT_ALLOWED_IN_CURRENT_STATE'],
  ['NotSupported', 'UNSUPPORTED'],
  ['NoPermission', 'UNAUTHORIZED'],
];

/**
 * What a handler of the REST face threw, in that face's form: a fault travels whole in `data.fault`, as VI/JSON
 * writes it. Everything else as it is.
 */
export function restErrorOf(thrown: unknown, vmId?: string): unknown {
  const error = vmFaultOf(thrown, vmId);
  if (!(error instanceof VimFault)) return error;
  const fault = error;
  const type = VAPI_TYPES.find(([name]) => fault.is(name))?.[1] ?? 'ERROR';
  return new VapiError(type, fault.message, {
    messageId: fault.faultMessage[0]?.key ?? `com.vmware.vim25.${fault.fault}`,
    data: { fault: encodeFault(fault) },
    cause: fault,
  });
}
