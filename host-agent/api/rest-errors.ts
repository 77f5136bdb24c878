import { VapiError, vapiTypeOf } from '../../core/http/index.js';
import { VimFault, encodeFault } from '../../wire/vim25/index.js';
import { vmFaultOf } from './faults.js';

/**
 * What a handler of the REST face threw, in that face's form: a fault travels whole in `data.fault`, as VI/JSON
 * writes it. Everything else as it is.
 */
export function restErrorOf(thrown: unknown, vmId?: string): unknown {
  const error = vmFaultOf(thrown, vmId);
  if (!(error instanceof VimFault)) return error;
  const fault = error;
  return new VapiError(vapiTypeOf(fault), fault.message, {
    messageId: fault.faultMessage[0]?.key ?? `com.vmware.vim25.${fault.fault}`,
    data: { fault: encodeFault(fault) },
    cause: fault,
  });
}
