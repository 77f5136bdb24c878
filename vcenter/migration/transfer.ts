import { randomBytes } from 'node:crypto';

import { errorText } from '../../core/errors.js';
import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { IncomingVm, MigrationSpec, VmInfo } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault, toVimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import { hostFault } from '../hosts/hosts.js';
import type { HostEntity } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { MigrationDestination } from './destination.js';
import { MigrationEvents } from './migration-events.js';
import type { Assessment } from './migrations.js';
import { requireSettled } from './migrations.js';
import type { SourceRecord } from './records.js';
import type { MigrationRequest } from './request.js';
import { ONE_TIME_KEY } from './rules/known-limits.js';

/** What a transfer between two hosts needs. */
export interface TransferOrder {
  readonly request: MigrationRequest;
  readonly assessment: Assessment;
  readonly destination: MigrationDestination;
  readonly progress: (percent: number) => void;
}

/**
 * Moves or copies a VM to another host, and commits once: the destination's host verifies the stream and makes the VM
 * durable, the destination takes it, and only then does the source host give its own up. The record that is kept says
 * at each point what is still to be done after a crash.
 *
 * @returns the VM at the destination
 */
export async function transfer(
  vcenter: Vcenter,
  principal: Principal,
  order: TransferOrder,
): Promise<ManagedObjectReference> {
  const { request, destination, progress } = order;
  const { vm } = request;
  requireSettled(vcenter, vm);
  const host = vcenter.vms.hostOf(vm);
  const { records, reconciler } = vcenter.migrations;
  const events = new MigrationEvents(vcenter, principal, order, host);
  const record = newRecord(vcenter, order, host);
  records.put(record);
  reconciler.claim(record.migrationId);
  vcenter.hosts.vms.moving(vm.uuid);
  try {
    events.begun();
    await send(vcenter, host, record, order);
    progress(90);
    records.put({ ...record, phase: 'committing' });
    const moved = await commit(vcenter, record, destination);
    records.put({ ...record, phase: 'committed' });
    await reconciler.finish({ ...record, phase: 'committed' });
    events.ended(moved);
    if (request.powerOn === true && !destination.acrossVcenters) {
      await vcenter.vms.powerOn(vcenter.inventory.require('VirtualMachine', moved), principal);
    }
    return moved;
  } catch (error) {
    const settled = await reconciler.settle(record.migrationId, destination);
    if (settled === 'committed') {
      const moved = await destination.commit(record.migrationId); // it was; only the answer was lost
      events.ended(moved);
      return moved;
    }
    events.failed(error);
    if (settled === 'unclear') {
      throw unclear(
        `How the migration of ${vm.name} ends is not clear yet; it is being asked for. ${errorText(error)}`,
      );
    }
    throw hostFault(host, error);
  } finally {
    reconciler.release(record.migrationId);
  }
}

/** Prepares the destination and sends; key and nonce live as long as this takes. */
async function send(
  vcenter: Vcenter,
  host: HostEntity,
  record: SourceRecord,
  { request, assessment, destination, progress }: TransferOrder,
): Promise<void> {
  const { plan, survey, token, facts } = assessment;
  const { vm } = request;
  const key = randomKeyBytes(ONE_TIME_KEY.keyBytes);
  const nonce = randomBytes(ONE_TIME_KEY.nonceBytes);
  try {
    const spec: MigrationSpec = {
      migrationId: record.migrationId,
      oneTimeKey: key.toString('base64'),
      nonce: nonce.toString('base64'),
      encrypted: plan.encryptedVmotion,
      kind: request.operation,
      live: request.operation === 'migrate' && facts.vm.poweredOn,
      vmId: vm.uuid,
      targetDatastore: survey.place.datastore,
      ...(request.operation === 'clone' && {
        target: { id: vcenter.context.rng.uuid(), name: request.cloneName ?? vm.name },
      }),
    };
    const ready = await destination.prepare({
      spec,
      vm: incoming(vm.info, vm.name),
      place: survey.place,
      encrypted: facts.vm.encrypted,
      makeHostSafe: plan.makeHostSafe,
      storagePolicy: plan.storagePolicy,
      diskStoragePolicies: [...(vm.diskStoragePolicies ?? []), ...plan.diskStoragePolicies],
      token,
    });
    progress(20);
    const client = vcenter.hosts.client(host);
    await vcenter.supply.withKeys(host, () => client.startSend(spec, { host: ready.host, port: ready.port }));
  } finally {
    zeroise(key, nonce);
  }
}

/** A destination that does not answer is asked again; only it knows whether it has committed. */
async function commit(
  vcenter: Vcenter,
  { migrationId }: SourceRecord,
  destination: MigrationDestination,
): Promise<ManagedObjectReference> {
  try {
    return await destination.commit(migrationId);
  } catch (error) {
    if (!toVimFault(error).is('HostCommunication')) throw error;
    vcenter.context.log.warn({ err: error, migrationId }, 'commit is asked for again');
    return await destination.commit(migrationId);
  }
}

function newRecord(
  vcenter: Vcenter,
  { request, assessment, destination }: TransferOrder,
  host: HostEntity,
): SourceRecord {
  const { service } = request;
  return {
    role: 'source',
    migrationId: vcenter.context.rng.uuid(),
    phase: 'started',
    operation: request.operation,
    vmId: request.vm.uuid,
    host: host.moid,
    ...(destination.acrossVcenters &&
      service && {
        remote: {
          baseUrl: service.baseUrl,
          thumbprintSha256: service.thumbprintSha256,
          token: assessment.token,
        },
      }),
  };
}

function incoming(info: VmInfo, name: string): IncomingVm {
  return {
    id: info.id,
    name,
    ...(info.keyId && { keyId: info.keyId }),
    disks: info.disks.map(({ key, capacityBytes, encrypted, keyId }) => ({
      key,
      capacityBytes,
      encrypted,
      ...(keyId && { keyId }),
    })),
  };
}

function unclear(reason: string): VimFault<'MigrationNotReady'> {
  return new VimFault('MigrationNotReady', reason, { fields: { reason } });
}
