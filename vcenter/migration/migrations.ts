import { randomBytes } from 'node:crypto';

import type { ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Caller } from '../managed-objects/caller.js';
import { demand, principalOf } from '../managed-objects/caller.js';
import { RemoteDestination } from '../peer/remote-destination.js';
import type { Vcenter } from '../vcenter.js';
import type { MigrationDestination, Survey } from './destination.js';
import { gatherFacts } from './facts.js';
import { LocalDestination } from './local-destination.js';
import type { MigrationRequest } from './request.js';
import { readCloneSpec, readRelocateSpec } from './request.js';
import { MigrationRecords } from './records.js';
import { Reconciler } from './reconciler.js';
import type { Violation } from './rule.js';
import type { MigrationFacts, TransferPlan } from './rule-facts.js';
import { planTransfer, precheck } from './rules.js';
import { moveWithinHost } from './same-host.js';
import { transfer } from './transfer.js';
import { refuseIfViolated } from './violations.js';

/** A migration that was looked at from both sides: what would be done, and every rule that it breaks. */
export interface Assessment {
  readonly facts: MigrationFacts;
  readonly plan: TransferPlan;
  readonly violations: readonly Violation[];
  readonly survey: Survey;
  /** Token of the migration, should it be done. */
  readonly token: string;
}

const TOKEN_BYTES = 32;

/** Migrations and clones: checked as a whole first, then done, and brought to one end whatever happens. */
export class Migrations {
  readonly records: MigrationRecords;
  readonly reconciler: Reconciler;
  readonly #vcenter: Vcenter;

  constructor(vcenter: Vcenter) {
    this.#vcenter = vcenter;
    this.records = new MigrationRecords(vcenter.store, vcenter.sealer);
    this.reconciler = new Reconciler(vcenter, this.records);
  }

  /** RelocateVM_Task. @throws VimFault */
  start(
    caller: Caller,
    request: {
      readonly operation: 'migrate';
      readonly vm: VirtualMachineEntity;
      readonly spec: VimObject<'VirtualMachineRelocateSpec'>;
    },
  ): ManagedObjectReference {
    const { vm } = request;
    if (vm.info.powerState === 'poweredOn') demand(caller, referenceOf(vm), 'Resource.HotMigrate');
    return this.#startTask(caller, readRelocateSpec(vm, request.spec), 'VirtualMachine.relocate');
  }

  /** CloneVM_Task. @throws VimFault */
  startClone(
    caller: Caller,
    vm: VirtualMachineEntity,
    folder: ManagedObjectReference,
    name: string,
    spec: VimObject<'VirtualMachineCloneSpec'>,
  ): ManagedObjectReference {
    demand(caller, referenceOf(vm), 'VirtualMachine.Provisioning.Clone');
    return this.#startTask(caller, readCloneSpec(vm, folder, name, spec), 'VirtualMachine.clone');
  }

  /** Evaluates all rules without moving anything. @throws VimFault if the request itself cannot be understood */
  async assess(principal: Principal, request: MigrationRequest): Promise<Assessment> {
    return this.#withDestination(principal, request, (destination, token) =>
      this.#assess(principal, request, destination, token),
    );
  }

  #startTask(caller: Caller, request: MigrationRequest, descriptionId: string): ManagedObjectReference {
    const principal = principalOf(caller);
    return this.#vcenter.tasks.start(
      { entity: request.vm, descriptionId, userName: principal.name },
      ({ progress }) =>
        this.#withDestination(principal, request, async (destination, token) => {
          const assessment = await this.#assess(principal, request, destination, token);
          refuseIfViolated(assessment.violations);
          progress(10);
          const vm = assessment.facts.hostChanges
            ? await transfer(this.#vcenter, principal, { request, assessment, destination, progress })
            : await moveWithinHost(this.#vcenter, principal, request, assessment);
          return request.operation === 'clone' ? vm : undefined;
        }),
    );
  }

  async #assess(
    principal: Principal,
    request: MigrationRequest,
    destination: MigrationDestination,
    token: string,
  ): Promise<Assessment> {
    const { vm, operation, target, cloneName } = request;
    const survey = await destination.survey({
      operation,
      target,
      vm: {
        id: vm.uuid,
        name: cloneName ?? vm.name,
        keyIds: [vm.info.keyId, ...vm.info.disks.map(({ keyId }) => keyId)].flatMap((id) => id ?? []),
      },
      ...(!destination.acrossVcenters && {
        current: { host: vm.host, datastore: vm.info.datastore, folder: vm.parent },
      }),
    });
    const { acrossVcenters } = destination;
    const facts = await gatherFacts(this.#vcenter, principal, request, { survey, acrossVcenters });
    const plan = planTransfer(facts);
    return { facts, plan, violations: precheck('migration', facts, plan), survey, token };
  }

  async #withDestination<T>(
    principal: Principal,
    request: MigrationRequest,
    work: (destination: MigrationDestination, token: string) => Promise<T>,
  ): Promise<T> {
    const { service } = request;
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const elsewhere = service && service.instanceUuid !== this.#vcenter.instanceUuid ? service : undefined;
    const destination = elsewhere
      ? await RemoteDestination.logIn(elsewhere, this.#vcenter.config.trustedCaPem, token)
      : new LocalDestination(this.#vcenter, principal, false);
    try {
      return await work(destination, token);
    } finally {
      await destination.close();
    }
  }
}

/** A VM that is between two hosts already cannot be moved. @throws VimFault `InvalidState` */
export function requireSettled(vcenter: Vcenter, vm: VirtualMachineEntity): void {
  if (!vcenter.hosts.vms.isMoving(vm.uuid)) return;
  throw new VimFault(
    'InvalidState',
    `A migration of ${vm.name} is being brought to its end; try again later.`,
  );
}
