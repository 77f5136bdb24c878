import type { Clock } from '../../core/clock.js';
import type { Vim, VimObject } from '../../wire/vim25/index.js';
import { isType } from '../../wire/vim25/index.js';
import type { Entity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';

/** An event as the history keeps it. */
export type VimEvent = Vim<'Event'>;
type EventName = VimEvent['_typeName'];

/** What an event is about; the arguments of an event name these entities. */
export interface EventSubject {
  readonly vm?: Pick<Entity, 'type' | 'moid' | 'name'> | undefined;
  readonly host?: Pick<Entity, 'type' | 'moid' | 'name'> | undefined;
  readonly userName?: string | undefined;
  readonly message: string;
}

/** Events kept; the oldest go first. */
const KEPT_LIMIT = 10_000;

/** The event history of a vCenter, in memory (own choice: it starts anew with the service). */
export class Events {
  readonly #clock: Clock;
  readonly #inventory: Inventory;
  readonly #kept: VimEvent[] = [];
  #next = 1;

  constructor(clock: Clock, inventory: Inventory) {
    this.#clock = clock;
    this.#inventory = inventory;
  }

  /** Records an event of a type of the tables, with the further fields that it has. */
  post(name: EventName, subject: EventSubject, fields: Readonly<Record<string, unknown>> = {}): void {
    const key = this.#next++;
    const datacenter = this.#inventory.datacenterOf(subject.host?.moid ?? subject.vm?.moid ?? '');
    const event = {
      _typeName: name,
      key,
      chainId: key,
      createdTime: new Date(this.#clock.now()),
      userName: subject.userName ?? '',
      fullFormattedMessage: subject.message,
      ...(datacenter && {
        datacenter: {
          _typeName: 'DatacenterEventArgument',
          name: datacenter.name,
          datacenter: referenceOf(datacenter),
        },
      }),
      ...(subject.host && { host: hostArgument(subject.host) }),
      ...(subject.vm && { vm: vmArgument(subject.vm) }),
      ...(isType(name, 'VmEvent') && { template: false }),
      ...fields,
    };
    this.#kept.push(event as unknown as VimEvent); // each caller gives the fields that its event has
    if (this.#kept.length > KEPT_LIMIT) this.#kept.splice(0, this.#kept.length - KEPT_LIMIT);
  }

  /** Records an `EventEx`, for example `com.vmware.vc.vm.VmHotMigratingWithEncryptionEvent`. */
  postExtended(eventTypeId: string, severity: 'info' | 'warning' | 'error', subject: EventSubject): void {
    const object = subject.vm ?? subject.host;
    this.post('EventEx', subject, {
      eventTypeId,
      severity,
      message: subject.message,
      ...(object && { objectId: object.moid, objectType: object.type, objectName: object.name }),
    });
  }

  get latest(): VimEvent | undefined {
    return this.#kept.at(-1);
  }

  /** Events that a filter lets through, oldest first. */
  query(filter: VimObject<'EventFilterSpec'>): readonly VimEvent[] {
    const found = this.#kept.filter((event) => this.#matches(event, filter));
    return filter.maxCount === undefined ? found : found.slice(-Math.max(1, filter.maxCount));
  }

  #matches(event: VimEvent, filter: VimObject<'EventFilterSpec'>): boolean {
    const typeId = event._typeName === 'EventEx' ? event.eventTypeId : `vim.event.${event._typeName}`;
    const { entity, time, eventTypeId, type, userName } = filter;
    if (eventTypeId && !eventTypeId.includes(typeId)) return false;
    if (type && !type.some((name) => isType(event._typeName, name))) return false;
    if (time?.beginTime && event.createdTime < time.beginTime) return false;
    if (time?.endTime && event.createdTime > time.endTime) return false;
    if (userName?.userList && !userName.userList.includes(event.userName)) return false;
    if (filter.eventChainId !== undefined && event.chainId !== filter.eventChainId) return false;
    return !entity || this.#concerns(event, entity.entity.value, entity.recursion);
  }

  #concerns(event: VimEvent, moid: string, recursion: 'self' | 'children' | 'all'): boolean {
    const subjects = [event.vm?.vm.value, event.host?.host.value, event.datacenter?.datacenter.value];
    return subjects.some((subject) => {
      if (subject === undefined) return false;
      const lineage = this.#inventory.lineage(subject).map((entity) => entity.moid);
      if (recursion === 'self') return subject === moid;
      return recursion === 'children' ? lineage[1] === moid : subject === moid || lineage.includes(moid);
    });
  }
}

/** `HostEventArgument`. */
export function hostArgument(host: Pick<Entity, 'type' | 'moid' | 'name'>): VimObject<'HostEventArgument'> {
  return { _typeName: 'HostEventArgument', name: host.name, host: referenceOf(host) };
}

/** `VmEventArgument`. */
export function vmArgument(vm: Pick<Entity, 'type' | 'moid' | 'name'>): VimObject<'VmEventArgument'> {
  return { _typeName: 'VmEventArgument', name: vm.name, vm: referenceOf(vm) };
}
