import type { EnumerationValue } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';

/** What one use takes from Usage Limits, by their unit. */
export interface UsageAmount {
  /** Bytes protected. */
  readonly bytes: number;
  /** Whether a new object is protected; the later parts of one are not. */
  readonly newObject: boolean;
}

/**
 * Takes a use that applies protection from the object's Usage Limits; nothing if it has none. The rest is written with
 * the request, so that a request that fails takes nothing. KMIP 1.4 §3.21, §4.29.
 *
 * @throws Refusal `usageLimitSpent`
 */
export async function allocateUsage(
  uniqueIdentifier: string,
  amount: UsageAmount,
  scope: RequestScope,
): Promise<void> {
  // Another item of this request may have taken from the limits since the object was read.
  const object = await scope.workspace.read(uniqueIdentifier);
  const limits = object?.get('UsageLimits');
  if (!object || !limits) return;
  const left = limits.count ?? limits.total;
  const taken = amountIn(limits.unit, amount);
  if (taken > left) {
    throw new Refusal(
      'usageLimitSpent',
      `The Usage Limits of object ${uniqueIdentifier} leave ${left} of ${limits.total} (${limits.unit}); ${taken} are needed. Use another key.`,
    );
  }
  if (taken === 0n) return;
  scope.workspace.replace(object, object.with({ UsageLimits: { ...limits, count: left - taken } }));
}

function amountIn(unit: EnumerationValue<'UsageLimitsUnit'>, { bytes, newObject }: UsageAmount): bigint {
  switch (unit) {
    case 'Byte':
      return BigInt(bytes);
    case 'Object':
      return newObject ? 1n : 0n;
    default:
      throw new Refusal('usageLimitSpent', `Usage Limits Unit ${unit} is not one that this server counts.`);
  }
}
