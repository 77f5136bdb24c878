import { CRYPTOGRAPHIC_USAGE_MASK, KmipError, cryptographicUsageMask } from '../../wire/kmip/index.js';
import { stateAt } from '../objects/lifecycle.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/** Usages that apply cryptographic protection; only they are limited (KMIP 1.4 §3.21). */
const PROTECTIVE = cryptographicUsageMask(
  'Sign',
  'Encrypt',
  'WrapKey',
  'MACGenerate',
  'DeriveKey',
  'ContentCommitment',
  'CertificateSign',
  'CRLSign',
  'GenerateCryptogram',
  'TranslateEncrypt',
  'TranslateWrap',
  'FPEEncrypt',
);

/** Takes from the Usage Limits of an object what the client is going to use itself. KMIP 1.4 §4.18. */
export const getUsageAllocation: OperationHandler<'GetUsageAllocation'> = async (payload, scope) => {
  const { usageLimitsCount: asked } = payload;
  const object = await scope.object(payload.uniqueIdentifier);
  const { uniqueIdentifier } = object;
  if (asked < 0n) throw new KmipError('InvalidField', 'Usage Limits Count must not be negative.');
  demandProtecting(object, scope.nowSeconds);
  const limits = object.get('UsageLimits');
  if (!limits) {
    throw new Refusal(
      'usageNotLimited',
      `Object ${uniqueIdentifier} has no Usage Limits; use it without an allocation.`,
    );
  }
  const left = limits.count ?? limits.total;
  if (asked > left) {
    throw new Refusal(
      'usageLimitExceeded',
      `Of the Usage Limits of object ${uniqueIdentifier} ${left} are left, less than the ${asked} asked for.`,
    );
  }
  scope.workspace.replace(
    object,
    object.with({ UsageLimits: { ...limits, count: left - asked }, LastChangeDate: scope.nowSeconds }),
  );
  return { uniqueIdentifier };
};

/** @throws Refusal `usageNotAllowed` or `wrongState` if the object cannot be used for protection now, or at all */
function demandProtecting(object: ManagedObject, nowSeconds: number): void {
  const { uniqueIdentifier } = object;
  if (((object.get('CryptographicUsageMask') ?? 0) & PROTECTIVE) === 0) {
    const usages = Object.keys(CRYPTOGRAPHIC_USAGE_MASK)
      .filter((usage) => (PROTECTIVE & CRYPTOGRAPHIC_USAGE_MASK[usage as 'Sign']) !== 0)
      .join(', ');
    throw new Refusal(
      'usageNotAllowed',
      `Object ${uniqueIdentifier} protects nothing: its Cryptographic Usage Mask has none of ${usages}.`,
    );
  }
  const state = stateAt(object, nowSeconds);
  const stop = object.get('ProtectStopDate');
  if (state === 'Active' && (stop === undefined || nowSeconds < stop)) return;
  throw new Refusal(
    'wrongState',
    `Object ${uniqueIdentifier} must be Active, and before its Protect Stop Date; it is ${state}.`,
  );
}
