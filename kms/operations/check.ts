import type { ResponsePayload } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal, RefusalWithPayload } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

type Answer = ResponsePayload<'Check'>;
type Asked = Parameters<OperationHandler<'Check'>>[0];

/** One value of the request that a policy of the server, or an attribute of the object, may stand against. */
interface CheckedValue {
  readonly field: keyof Asked & keyof Answer;
  readonly refusal: 'incompatibleUsageMask' | 'usageLimitExceeded' | 'leaseNotGranted';
  readonly text: string;
  allows(asked: Asked, object: ManagedObject, scope: RequestScope): boolean;
}

/** What Check compares (KMIP 1.4 §4.10); the first that fails gives the reason. */
const CHECKS: readonly CheckedValue[] = [
  {
    field: 'cryptographicUsageMask',
    refusal: 'incompatibleUsageMask',
    text: 'its Cryptographic Usage Mask lacks some of the usages asked for',
    allows: ({ cryptographicUsageMask: asked = 0 }, object) =>
      ((object.get('CryptographicUsageMask') ?? 0) & asked) === asked,
  },
  {
    field: 'usageLimitsCount',
    refusal: 'usageLimitExceeded',
    text: 'its Usage Limits leave less than is asked for',
    allows({ usageLimitsCount: asked = 0n }, object) {
      const limits = object.get('UsageLimits');
      return limits === undefined || asked <= (limits.count ?? limits.total);
    },
  },
  {
    field: 'leaseTime',
    refusal: 'leaseNotGranted',
    text: 'its Lease Time is shorter than asked for',
    allows: ({ leaseTime: asked = 0 }, object, scope) =>
      asked <= (object.get('LeaseTime') ?? scope.config.leaseSeconds),
  },
];

/** Whether an object can be used as intended. KMIP 1.4 §4.10. */
export const check: OperationHandler<'Check'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const { uniqueIdentifier } = object;
  if (object.objectType === 'Template') {
    throw new Refusal('objectNotCheckable', 'A Template is not used for cryptography. Check a key instead.');
  }
  if (!object.value) {
    throw new Refusal('objectDestroyed', `Object ${uniqueIdentifier} is destroyed and cannot be used.`);
  }
  const failed = CHECKS.filter((row) => !row.allows(payload, object, scope));
  const [first] = failed;
  if (!first) return { uniqueIdentifier };
  scope.placeholder = undefined;
  const denied: Answer = Object.fromEntries(failed.map(({ field }) => [field, payload[field]]));
  throw new RefusalWithPayload(
    first.refusal,
    `Object ${uniqueIdentifier} cannot be used like that: ${failed.map(({ text }) => text).join('; ')}.`,
    // KMIP 2.1 says the same as 1.4, but its test cases (BL-M-2, BL-M-3) have no payload here.
    scope.speaks2 ? undefined : denied,
  );
};
