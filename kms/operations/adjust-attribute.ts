import type { Attribute, NameIn, TtlvValue } from '../../wire/kmip/index.js';
import { KmipError, attributeRow, attributeTextOf, decodeTree, zeroOf } from '../../wire/kmip/index.js';
import { addAttribute, demandRule, demandSettable, modifyAttribute } from '../attributes/changes.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { comparableBytes } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

type Adjustment = NameIn<'AdjustmentType'>;

/** Types that can be adjusted, with the values that fit into them. KMIP 2.1 §11.1. */
const NUMERIC = {
  Integer: { least: -(2n ** 31n), greatest: 2n ** 31n - 1n, negatable: true },
  LongInteger: { least: -(2n ** 63n), greatest: 2n ** 63n - 1n, negatable: true },
  BigInteger: { least: undefined, greatest: undefined, negatable: true },
  Interval: { least: 0n, greatest: 2n ** 32n - 1n, negatable: false },
  // Date-Times are numbers here, so that they end at 2^53.
  DateTime: { least: -(2n ** 53n) + 1n, greatest: 2n ** 53n - 1n, negatable: false },
  DateTimeExtended: { least: -(2n ** 63n), greatest: 2n ** 63n - 1n, negatable: false },
} as const;

type NumericType = keyof typeof NUMERIC;

/** Adds to, subtracts from or negates an attribute's value; one that is absent counts as 0 or false. KMIP 2.1 §6.1.3. */
export const adjustAttribute: OperationHandler<'AdjustAttribute'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const { attributeReference: name, adjustmentType, adjustmentValue } = payload;
  demandSettable(demandRule(name, scope), name);
  const present = object.instances(name);
  if (present.length > 1) {
    throw new Refusal(
      'multiValuedAttribute',
      `${attributeTextOf(name)} has several values here; only an attribute with one can be adjusted.`,
    );
  }
  if (typeof adjustmentType === 'number') {
    throw new KmipError('InvalidField', 'The Adjustment Type is not one of the specification.');
  }
  const adjusted = adjustedValue(name, currentValue(object, name), adjustmentType, adjustmentValue);
  const attribute = (
    attributeRow(name) ? { name, value: adjusted.value } : { name, value: adjusted }
  ) as Attribute;
  const changed =
    present.length > 0
      ? await modifyAttribute(object, attribute, undefined, scope)
      : await addAttribute(object, attribute, scope);
  scope.workspace.replace(object, changed);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** The value with its type; of an absent one 0 or false. @throws KmipError `InvalidDataType` */
function currentValue(object: ManagedObject, name: string): TtlvValue {
  const [present] = object.instances(name);
  if (present) return decodeTree(comparableBytes(name, present.value));
  const zero = zeroOf(name);
  if (zero) return zero;
  throw notAdjustable(name);
}

function adjustedValue(
  name: string,
  current: TtlvValue,
  adjustment: Adjustment,
  given: TtlvValue | undefined,
): TtlvValue {
  if (current.type === 'Boolean' && adjustment === 'Negate')
    return { type: 'Boolean', value: !current.value };
  if (!isNumeric(current)) throw notAdjustable(name);
  const by = given ?? { ...current, value: 1 };
  if (by.type !== current.type) {
    throw new KmipError('InvalidDataType', `The Adjustment Value must be of type ${current.type}.`);
  }
  const range = NUMERIC[current.type];
  if (adjustment === 'Negate' && !range.negatable) throw notAdjustable(name);
  const result = RESULTS[adjustment](BigInt(current.value), BigInt(by.value));
  if (
    (range.least !== undefined && result < range.least) ||
    (range.greatest !== undefined && result > range.greatest)
  ) {
    throw new KmipError(
      'NumericRange',
      `${attributeTextOf(name)} would be beyond what a ${current.type} holds.`,
    );
  }
  const value = typeof current.value === 'bigint' ? result : Number(result);
  return { type: current.type, value } as TtlvValue;
}

const RESULTS = {
  Increment: (value, by) => value + by,
  Decrement: (value, by) => value - by,
  Negate: (value) => -value,
} as const satisfies Record<Adjustment, (value: bigint, by: bigint) => bigint>;

function isNumeric(
  value: TtlvValue,
): value is TtlvValue & { readonly type: NumericType; readonly value: number | bigint } {
  return value.type in NUMERIC;
}

function notAdjustable(name: string): KmipError {
  return new KmipError(
    'InvalidDataType',
    `${attributeTextOf(name)} has no value that can be adjusted like that. Use Set Attribute.`,
  );
}
