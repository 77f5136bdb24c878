import type { ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import { toVimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { HostEntity } from '../inventory/entities.js';
import { hostArgument, vmArgument } from '../operations/events.js';
import type { Vcenter } from '../vcenter.js';
import type { TransferOrder } from './transfer.js';

/** The events of one migration or clone between hosts. */
export class MigrationEvents {
  readonly #vcenter: Vcenter;
  readonly #principal: Principal;
  readonly #order: TransferOrder;
  readonly #source: HostEntity;

  constructor(vcenter: Vcenter, principal: Principal, order: TransferOrder, source: HostEntity) {
    this.#vcenter = vcenter;
    this.#principal = principal;
    this.#order = order;
    this.#source = source;
  }

  /** The migration has begun. */
  begun(): void {
    const { request, assessment } = this.#order;
    if (request.operation === 'clone') return;
    const { facts, plan } = assessment;
    const where = `from ${this.#source.name} to ${facts.destination.host.name}`;
    const name = facts.vm.poweredOn ? 'VmBeingHotMigratedEvent' : 'VmBeingRelocatedEvent';
    this.#post(name, `Migrating ${request.vm.name} ${where}.`, { destHost: this.#destinationHost() });
    if (!facts.vm.poweredOn || !plan.encryptedVmotion) return;
    this.#vcenter.events.postExtended('com.vmware.vc.vm.VmHotMigratingWithEncryptionEvent', 'info', {
      vm: request.vm,
      host: this.#source,
      userName: this.#principal.name,
      message: `Hot migrating ${request.vm.name} ${where} with encryption.`,
    });
  }

  /** It has ended well. */
  ended(moved: ManagedObjectReference): void {
    const { request, assessment } = this.#order;
    const { facts } = assessment;
    const to = facts.destination.host.name;
    if (request.operation === 'clone') {
      const clone = { type: 'VirtualMachine', moid: moved.value, name: request.cloneName ?? '' } as const;
      this.#vcenter.events.post(
        'VmClonedEvent',
        {
          vm: clone,
          userName: this.#principal.name,
          message: `Cloned ${request.vm.name} to ${clone.name} on ${to}.`,
        },
        { sourceVm: vmArgument(request.vm) },
      );
      return;
    }
    const name = facts.vm.poweredOn ? 'VmMigratedEvent' : 'VmRelocatedEvent';
    const sourceHost = hostArgument(this.#source);
    this.#post(name, `Migrated ${request.vm.name} from ${this.#source.name} to ${to}.`, { sourceHost });
  }

  /** It has failed. */
  failed(error: unknown): void {
    const { request } = this.#order;
    const reason = toVimFault(error).toLocalizedMethodFault();
    const destHost = this.#destinationHost();
    this.#post('VmFailedMigrateEvent', `Could not migrate ${request.vm.name}.`, { destHost, reason });
  }

  #post(
    name: Parameters<Vcenter['events']['post']>[0],
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void {
    const { vm } = this.#order.request;
    const subject = { vm, host: this.#source, userName: this.#principal.name, message };
    this.#vcenter.events.post(name, subject, fields);
  }

  #destinationHost(): VimObject<'HostEventArgument'> {
    const { host } = this.#order.assessment.facts.destination;
    return { _typeName: 'HostEventArgument', name: host.name, host: host.reference };
  }
}
