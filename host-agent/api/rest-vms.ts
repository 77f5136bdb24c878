import type { Request } from 'express';

import { VapiError, validate } from '../../core/http/index.js';
import { GUEST_IO_MAX_BYTES } from '../vm/index.js';
import * as schemas from './schemas.js';
import type { RestRow } from './rest.js';
import { pathParameter } from './rest.js';

const VMS = '/api/kpsim/host/vms';
const VM = `${VMS}/:vm`;
const DISK = `${VM}/disks/:disk`;
const vmId = (request: Request): string => pathParameter(request, 'vm');

/** Calls on virtual machines. */
export const VM_ROWS: readonly RestRow[] = [
  { method: 'get', path: VMS, operation: 'ListVms', handle: (host) => host.vms.list() },
  {
    method: 'post',
    path: VMS,
    operation: 'CreateVm',
    handle: (host, { body }) => host.vms.create(validate(schemas.createVmSchema, body)),
  },
  {
    method: 'post',
    path: VMS,
    action: 'import',
    operation: 'ImportVm',
    handle: (host, { body }) => host.vms.import(validate(schemas.importVmSchema, body)),
  },
  {
    method: 'post',
    path: VMS,
    action: 'create-from-raw',
    operation: 'CreateVmFromRaw',
    handle: (host, { body }) => host.vms.createFromRaw(validate(schemas.createVmFromRawSchema, body)),
  },
  { method: 'get', path: VM, operation: 'GetVm', handle: (host, request) => host.vms.info(vmId(request)) },
  {
    method: 'delete',
    path: VM,
    operation: 'DestroyVm',
    handle: (host, request) => host.vms.destroy(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'encrypt',
    operation: 'EncryptVm',
    handle: (host, request) =>
      host.vms.encrypt(vmId(request), validate(schemas.encryptVmSchema, request.body)),
  },
  {
    method: 'post',
    path: VM,
    action: 'decrypt',
    operation: 'DecryptVm',
    handle: (host, request) =>
      host.vms.decrypt(vmId(request), validate(schemas.decryptVmSchema, request.body ?? {}).disks),
  },
  {
    method: 'post',
    path: VM,
    action: 'recrypt',
    operation: 'RecryptVm',
    handle: (host, request) =>
      host.vms.recrypt(vmId(request), validate(schemas.recryptVmSchema, request.body)),
  },
  {
    method: 'post',
    path: VM,
    action: 'power-on',
    operation: 'PowerOnVm',
    handle: (host, request) => host.vms.powerOn(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'power-off',
    operation: 'PowerOffVm',
    handle: (host, request) => host.vms.powerOff(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'reset',
    operation: 'ResetVm',
    handle: (host, request) => host.vms.reset(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'suspend',
    operation: 'SuspendVm',
    handle: (host, request) => host.vms.suspend(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'unlock',
    operation: 'UnlockVm',
    handle: (host, request) => host.vms.unlock(vmId(request)),
  },
  {
    method: 'post',
    path: VM,
    action: 'clone',
    operation: 'CloneVm',
    handle: (host, request) => host.vms.clone(vmId(request), validate(schemas.cloneVmSchema, request.body)),
  },
  {
    method: 'post',
    path: VM,
    action: 'relocate',
    operation: 'RelocateVm',
    handle: (host, request) =>
      host.vms.relocate(vmId(request), validate(schemas.relocateVmSchema, request.body).datastore),
  },
  {
    method: 'put',
    path: `${VM}/migrate-encryption`,
    operation: 'SetMigrateEncryption',
    handle: (host, request) =>
      host.vms.setMigrateEncryption(
        vmId(request),
        validate(schemas.setMigrateEncryptionSchema, request.body).mode,
      ),
  },
  {
    method: 'get',
    path: `${VM}/files`,
    operation: 'ListVmFiles',
    handle: (host, request) => host.vms.files(vmId(request)),
  },
  {
    method: 'get',
    path: `${DISK}/content`,
    operation: 'GuestRead',
    handle: (host, request) => {
      const { offset, length } = validate(schemas.guestRangeSchema, request.query, 'The query');
      if (length === undefined) throw new VapiError('INVALID_ARGUMENT', 'Say with length how much to read.');
      return host.vms.withGuest(vmId(request), (guest) => guest.diskRead(diskKey(request), offset, length));
    },
  },
  {
    method: 'put',
    path: `${DISK}/content`,
    operation: 'GuestWrite',
    bytesLimit: GUEST_IO_MAX_BYTES,
    handle: (host, request) => {
      const { offset } = validate(schemas.guestRangeSchema, request.query, 'The query');
      const data: unknown = request.body;
      if (!Buffer.isBuffer(data)) throw new VapiError('INVALID_ARGUMENT', 'Send the bytes to write.');
      return host.vms.withGuest(vmId(request), (guest) => guest.diskWrite(diskKey(request), offset, data));
    },
  },
  {
    method: 'get',
    path: `${DISK}/digest`,
    operation: 'GuestDiskDigest',
    handle: (host, request) =>
      host.vms.withGuest(vmId(request), async (guest) => ({
        sha256: await guest.diskDigestHex(diskKey(request)),
      })),
  },
  {
    method: 'get',
    path: `${VM}/memory/digest`,
    operation: 'GuestMemoryDigest',
    handle: (host, request) =>
      host.vms.withGuest(vmId(request), async (guest) => ({ sha256: await guest.memoryDigestHex() })),
  },
];

function diskKey(request: Request): number {
  const text = pathParameter(request, 'disk');
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new VapiError('INVALID_ARGUMENT', 'A disk is named by its device key, for example 2000.');
}
