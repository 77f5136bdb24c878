import { VimFault } from '../../wire/vim25/index.js';
import { VmFormatError } from '../../wire/vmx/index.js';
import { vimKeyId } from '../keys/key-id.js';
import type { KeyUnavailableError } from '../keys/source.js';
import { VmError } from '../vm/index.js';
import type { VmErrorCode } from '../vm/index.js';

/** The fault for keys that cannot be had: `requiredKey` names them, `faultMessage` says why for each. */
export function encryptionKeyRequired(missing: readonly KeyUnavailableError[]): VimFault {
  return new VimFault('EncryptionKeyRequired', missing.map(({ message }) => message).join(' '), {
    fields: { requiredKey: missing.map(({ keyId }) => vimKeyId(keyId)) },
    faultMessage: missing.map((error) => ({
      key: `kpsim.key.${error.detail ?? error.reason}`,
      message: error.message,
    })),
    cause: missing[0],
  });
}

/** Longest id that a reference may carry (`wire/vim25`). */
const REFERENCE_LIMIT = 200;

type FaultMaker = (error: VmError, vmId: string) => VimFault;

const configFault =
  (key: string): FaultMaker =>
  (error) =>
    new VimFault('InvalidVmConfig', error.message, {
      faultMessage: [{ key, message: error.message }],
      cause: error,
    });

/** Which fault of vim25 says what went wrong with a VM; message keys as VMware has them, where it has one. */
const VM_FAULTS: Readonly<Record<VmErrorCode, FaultMaker>> = {
  vm_not_found: (error, vmId) => vmNotFound(vmId, error.message),
  disk_not_found: (error) => new VimFault('InvalidArgument', error.message),
  datastore_not_found: (error) => new VimFault('InvalidDatastore', error.message),
  vm_exists: (error) => new VimFault('AlreadyExists', error.message),
  invalid_power_state: (error) => new VimFault('InvalidState', error.message),
  migration_in_progress: (error, vmId) => taskInProgress(vmId, error.message),
  vm_encrypted: configFault('msg.hostd.configSpec.enc.encrypted'),
  vm_not_encrypted: configFault('msg.hostd.configSpec.enc.notEncrypted'),
  wrong_key: (error) =>
    new VimFault('GenericVmConfigFault', error.message, {
      fields: { reason: error.message },
      faultMessage: [{ key: 'msg.keysafe.locator', message: error.message }],
      cause: error,
    }),
  invalid_argument: (error) => new VimFault('InvalidArgument', error.message),
  file_invalid: configFault('kpsim.vm.file_invalid'),
  datastore_full: (error) =>
    new VimFault('NoDiskSpace', error.message, { fields: { file: '', datastore: '' }, cause: error }),
  datastore_io: (error) =>
    new VimFault('CannotAccessFile', error.message, { fields: { file: '' }, cause: error }),
};

/** A failure of the VM layer as a fault; every other error as it is. */
export function vmFaultOf(error: unknown, vmId = ''): unknown {
  if (error instanceof VmError) return VM_FAULTS[error.code](error, vmId);
  if (error instanceof VmFormatError) {
    return new VimFault('InvalidVmConfig', error.message, {
      faultMessage: [{ key: `kpsim.vm.${error.code}`, message: error.message }],
      cause: error,
    });
  }
  return error;
}

/** There is no VM of that id. */
export function vmNotFound(vmId: string, message: string): VimFault {
  return new VimFault('ManagedObjectNotFound', message, {
    fields: {
      obj: {
        _typeName: 'ManagedObjectReference',
        type: 'VirtualMachine',
        value: vmId.slice(0, REFERENCE_LIMIT),
      },
    },
  });
}

/** Another operation on the VM is running. */
export function taskInProgress(vmId: string, message: string): VimFault {
  return new VimFault('TaskInProgress', message, {
    fields: { task: { _typeName: 'ManagedObjectReference', type: 'Task', value: `task-${vmId}` } },
  });
}
