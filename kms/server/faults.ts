import { setTimeout as sleep } from 'node:timers/promises';

import type { FaultAction, FaultRegistry } from '../../core/faults.js';
import type { ManagedObjectValue, ResultReasonName } from '../../wire/kmip/index.js';
import { KmipError, enumerationRows } from '../../wire/kmip/index.js';

/** What becomes of a response on its way out. */
export type Delivery = 'send' | 'drop' | 'reset' | 'truncate';

/** A fault struck before the work was done: stop here and deliver nothing, or as told. */
export class FaultInterrupt extends Error {
  readonly delivery: Delivery;

  constructor(delivery: Delivery) {
    super(`injected fault: ${delivery}`);
    this.name = 'FaultInterrupt';
    this.delivery = delivery;
  }
}

/** The injected faults of one request; each batch item is matched once, also if the request is redone. */
export class RequestFaults {
  delivery: Delivery = 'send';
  readonly #registry: FaultRegistry;
  readonly #service: string;
  readonly #actions = new Map<number, FaultAction | undefined>();

  constructor(registry: FaultRegistry, service: string) {
    this.#registry = registry;
    this.#service = service;
  }

  /**
   * The fault that strikes a batch item, if any, applied as far as it comes before the work.
   *
   * @returns the action if it has a part after the work (`corrupt`)
   * @throws KmipError for `error`, FaultInterrupt for a drop or reset before the work
   */
  async strike(
    item: number,
    subject: { readonly operation: string; readonly client: string; readonly object: string | undefined },
  ): Promise<FaultAction | undefined> {
    if (!this.#actions.has(item)) {
      this.#actions.set(item, this.#registry.match({ service: this.#service, ...subject }));
    }
    const action = this.#actions.get(item);
    if (!action) return undefined;
    switch (action.kind) {
      case 'delay':
        await sleep(action.delayMs);
        // A request that is redone after a conflict is not delayed again.
        this.#actions.set(item, undefined);
        return undefined;
      case 'drop':
        if (action.when === 'before') throw new FaultInterrupt('drop');
        this.delivery = 'drop';
        return undefined;
      case 'reset':
        throw new FaultInterrupt('reset');
      case 'truncate':
        this.delivery = 'truncate';
        return undefined;
      case 'error':
        throw new KmipError(reasonNamed(action.reason), 'Injected fault.');
      case 'corrupt':
        return action;
    }
  }
}

/** A Result Reason by its name, with or without spaces; General Failure for what is none. */
function reasonNamed(text: string): ResultReasonName {
  const plain = text.replaceAll(/[\s_-]/g, '').toLowerCase();
  const names = Object.keys(enumerationRows('ResultReason')) as ResultReasonName[];
  return names.find((name) => name.replaceAll('_', '').toLowerCase() === plain) ?? 'GeneralFailure';
}

/** A Get response payload with wrong key material of the right length; others are returned as they are. */
export function corrupted(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || !('object' in payload)) return payload;
  const object = payload.object as ManagedObjectValue;
  if (!('keyBlock' in object)) return payload;
  const { keyBlock } = object;
  const { keyValue } = keyBlock;
  if (Buffer.isBuffer(keyValue)) {
    return { ...payload, object: { ...object, keyBlock: { ...keyBlock, keyValue: inverted(keyValue) } } };
  }
  if (!keyValue || !Buffer.isBuffer(keyValue.keyMaterial)) return payload;
  const wrong = { ...keyValue, keyMaterial: inverted(keyValue.keyMaterial) };
  return { ...payload, object: { ...object, keyBlock: { ...keyBlock, keyValue: wrong } } };
}

function inverted(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0xff));
}
