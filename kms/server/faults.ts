import { setTimeout as sleep } from 'node:timers/promises';

import type { FaultVocabulary } from '../../core/fault-vocabulary.js';
import { plainWord } from '../../core/fault-vocabulary.js';
import type { RequestFaultAction } from '../../core/fault-spec.js';
import type { FaultRegistry } from '../../core/faults.js';
import type { ManagedObjectValue, ResultReasonName } from '../../wire/kmip/index.js';
import { KmipError, enumerationRows } from '../../wire/kmip/index.js';

/** What becomes of a response on its way out. */
export type Delivery = 'send' | 'drop' | 'reset' | 'hangUp' | 'truncate';

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
  #actions: Map<number, RequestFaultAction | undefined> | undefined;

  constructor(registry: FaultRegistry, service: string) {
    this.#registry = registry;
    this.#service = service;
  }

  /** Whether no fault can strike, so that {@link strike} need not be asked. */
  get isEmpty(): boolean {
    return this.#registry.isEmpty && this.#actions === undefined;
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
  ): Promise<RequestFaultAction | undefined> {
    if (this.#registry.condition('down', this.#service)) throw new FaultInterrupt('drop');
    const actions = (this.#actions ??= new Map<number, RequestFaultAction | undefined>());
    if (!actions.has(item)) {
      actions.set(item, this.#registry.match({ service: this.#service, ...subject }));
    }
    const action = actions.get(item);
    if (!action) return undefined;
    switch (action.kind) {
      case 'delay':
        await sleep(action.delayMs);
        // A request that is redone after a conflict is not delayed again.
        actions.set(item, undefined);
        return undefined;
      case 'drop':
        if (action.when === 'before') throw new FaultInterrupt('drop');
        this.delivery = 'drop';
        return undefined;
      case 'reset':
      case 'hangUp':
        throw new FaultInterrupt(action.kind);
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

/** The words that faults for a key server are made of. */
export function faultVocabulary(operations: readonly string[]): FaultVocabulary {
  const reasons = Object.keys(enumerationRows('ResultReason'));
  return { operations, reasons, wholes: ['expiredCertificate', 'down', 'lag'] };
}

/** A Result Reason by its name, however it is written; General Failure for what is none. */
function reasonNamed(text: string): ResultReasonName {
  const names = Object.keys(enumerationRows('ResultReason')) as ResultReasonName[];
  return names.find((name) => plainWord(name) === plainWord(text)) ?? 'GeneralFailure';
}

/** A response payload with wrong key material of the right length in its object; others are returned as they are. */
export function corrupted(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || !('object' in payload)) return payload;
  return { ...payload, object: corruptedObject(payload.object as ManagedObjectValue) };
}

function corruptedObject(object: ManagedObjectValue): ManagedObjectValue {
  if ('certificateValue' in object) return { ...object, certificateValue: inverted(object.certificateValue) };
  if ('opaqueDataValue' in object) return { ...object, opaqueDataValue: inverted(object.opaqueDataValue) };
  if (!('keyBlock' in object)) return object;
  const { keyBlock } = object;
  const { keyValue } = keyBlock;
  if (keyValue === undefined) return object;
  // A wrapped Key Value is bytes as a whole.
  const wrong = Buffer.isBuffer(keyValue)
    ? inverted(keyValue)
    : { ...keyValue, keyMaterial: corruptedMaterial(keyValue.keyMaterial) };
  return { ...object, keyBlock: { ...keyBlock, keyValue: wrong } } as ManagedObjectValue;
}

/** Key Material: bytes, or the byte strings and big integers of a transparent key. */
function corruptedMaterial(material: unknown): unknown {
  if (Buffer.isBuffer(material)) return inverted(material);
  if (typeof material !== 'object' || material === null) return material;
  return Object.fromEntries(
    Object.entries(material).map(([name, part]: [string, unknown]) => [name, corruptedPart(part)]),
  );
}

function corruptedPart(part: unknown): unknown {
  if (Buffer.isBuffer(part)) return inverted(part);
  if (typeof part !== 'bigint' || part <= 1n) return part;
  // All bits but the highest, so that the length stays.
  const bits = BigInt(part.toString(2).length - 1);
  return part ^ ((1n << bits) - 1n);
}

function inverted(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => byte ^ 0xff));
}
