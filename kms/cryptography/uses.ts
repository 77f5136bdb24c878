import type {
  CryptographicUsageName,
  ManagedObjectValue,
  ProtocolVersionName,
} from '../../wire/kmip/index.js';
import { KmipError, cryptographicUsageMask, rankOf } from '../../wire/kmip/index.js';
import type { StateName } from '../attributes/rules.js';
import { stateAt } from '../objects/lifecycle.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';

/** One kind of cryptographic use of an object. */
interface Use {
  /** The bits of the Cryptographic Usage Mask that allow it, any of them. */
  readonly usages: readonly CryptographicUsageName[];
  /** Whether it applies protection, or processes what is protected already; dates, states and limits differ. */
  readonly kind: keyof typeof KINDS;
  /** Its name in a message. */
  readonly called: string;
  /** Versions before this one let an object that is Pre-Active be used, too. */
  readonly activeSince?: ProtocolVersionName;
}

/** What the specification asks of an object for either kind of use. KMIP 1.4 §3.22, §3.25, §3.26. */
const KINDS = {
  protect: { states: ['Active'] },
  process: { states: ['Active', 'Deactivated', 'Compromised'] },
} as const satisfies Record<string, { readonly states: readonly StateName[] }>;

/** The cryptographic uses of objects. KMIP 1.4 §3.19, §3.22. */
export const USES = {
  encrypt: { usages: ['Encrypt'], kind: 'protect', called: 'encryption' },
  decrypt: { usages: ['Decrypt'], kind: 'process', called: 'decryption' },
  sign: { usages: ['Sign'], kind: 'protect', called: 'signing' },
  verify: { usages: ['Verify'], kind: 'process', called: 'signature verification' },
  mac: { usages: ['MACGenerate'], kind: 'protect', called: 'MAC generation' },
  macVerify: { usages: ['MACVerify'], kind: 'process', called: 'MAC verification' },
  // The KEKs of OASIS's cases for KMIP 1.1 (14.1) are never activated.
  wrap: { usages: ['WrapKey'], kind: 'protect', called: 'wrapping', activeSince: '1.2' },
  // Whoever may wrap with a key may have the server unwrap (TC-WRAP-2-14).
  unwrap: { usages: ['UnwrapKey', 'WrapKey'], kind: 'process', called: 'unwrapping' },
  derive: { usages: ['DeriveKey'], kind: 'protect', called: 'key derivation' },
  certificateSign: { usages: ['CertificateSign'], kind: 'protect', called: 'certificate signing' },
} as const satisfies Record<string, Use>;

/** Name of a use of {@link USES}. */
export type UseName = keyof typeof USES;

/** An object that holds its key. */
export type UsableObject = ManagedObject & { readonly value: ManagedObjectValue };

/**
 * Demands that an object may be used: it is in a state and within the dates for this use, its Cryptographic Usage Mask
 * allows it, and the server holds its key. Usage Limits are `allocateUsage`'s.
 *
 * @throws Refusal `wrongState`, `incompatibleUsageMask`; KmipError `KeyValueNotPresent`
 */
export function demandUsable(
  object: ManagedObject,
  use: UseName,
  scope: RequestScope,
): asserts object is UsableObject {
  const row: Use = USES[use];
  const { usages, called } = row;
  demandState(object, row, scope);
  const mask = object.get('CryptographicUsageMask') ?? 0;
  if ((mask & cryptographicUsageMask(...usages)) === 0) {
    throw new Refusal(
      'incompatibleUsageMask',
      `The Cryptographic Usage Mask of object ${object.uniqueIdentifier} does not allow ${called} (${usages.join(' or ')}).`,
    );
  }
  const keyAbsent =
    object.value === undefined ||
    ('keyBlock' in object.value && object.value.keyBlock.keyValue === undefined);
  if (keyAbsent) {
    throw new KmipError(
      'KeyValueNotPresent',
      `The server holds the attributes of object ${object.uniqueIdentifier} only, not the key itself.`,
    );
  }
}

function demandState(object: ManagedObject, { kind, called, activeSince }: Use, scope: RequestScope): void {
  const { nowSeconds } = scope;
  const state = stateAt(object, nowSeconds);
  const states: readonly StateName[] = KINDS[kind].states;
  const early = state === 'PreActive' && activeSince !== undefined && scope.rank < rankOf(activeSince);
  if (!states.includes(state) && !early) {
    throw new Refusal(
      'wrongState',
      `Object ${object.uniqueIdentifier} is ${state}; for ${called} it must be ${states.join(' or ')}.`,
    );
  }
  const start = object.get('ProcessStartDate');
  if (kind === 'process' && start !== undefined && start > nowSeconds) {
    throw new Refusal(
      'wrongState',
      `Object ${object.uniqueIdentifier} cannot be used for ${called} before its Process Start Date.`,
    );
  }
  const stop = object.get('ProtectStopDate');
  if (kind === 'protect' && stop !== undefined && stop <= nowSeconds) {
    throw new Refusal(
      'wrongState',
      `Object ${object.uniqueIdentifier} cannot be used for ${called} after its Protect Stop Date.`,
    );
  }
}
