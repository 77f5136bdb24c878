import type { Attribute, AttributeName, AttributeValueOf } from '../../wire/kmip/index.js';
import { KmipError, attributeTextOf } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import { quoted } from '../server/scope.js';
import type { RequestScope } from '../server/scope.js';

/** What a value is given for: a new object, one more instance of an attribute, or in place of another value. */
export interface ValueContext<T> {
  readonly occasion: 'creation' | 'addition' | 'modification';
  /** The value that is replaced, of a modification. */
  readonly previous: T | undefined;
}

type Acceptance<T> = (value: T, context: ValueContext<T>, scope: RequestScope) => T;

/** What becomes of values that clients give, where it is not the value itself. */
const ACCEPTANCES: { readonly [N in AttributeName]?: Acceptance<AttributeValueOf<N>> } = {
  UsageLimits: acceptedUsageLimits,
  ApplicationSpecificInformation: acceptedApplicationData,
  OperationPolicyName: acceptedPolicyName,
  Link: ({ type, linkedObjectIdentifier }, _context, scope) => ({
    type,
    linkedObjectIdentifier: scope.resolve(linkedObjectIdentifier),
  }),
};

/**
 * The value that is stored for one that a client gives.
 *
 * @throws Refusal `attributeReadOnly` or `attributeValueInvalid`; KmipError `ApplicationNamespaceNotSupported`
 */
export function acceptedValue(
  { name, value }: Attribute,
  context: ValueContext<unknown>,
  scope: RequestScope,
): unknown {
  const accept = Object.hasOwn(ACCEPTANCES, name)
    ? (ACCEPTANCES as Readonly<Record<string, Acceptance<never>>>)[name]
    : undefined;
  return accept ? accept(value as never, context as ValueContext<never>, scope) : value;
}

/**
 * Usage Limits Count starts at the total and is the server's (KMIP 1.4 §3.21): ignored at creation, refused later
 * unless it is what the server sets anyway.
 */
function acceptedUsageLimits(
  { total, count, unit }: AttributeValueOf<'UsageLimits'>,
  { occasion, previous }: ValueContext<AttributeValueOf<'UsageLimits'>>,
): AttributeValueOf<'UsageLimits'> {
  if (total < 0n) {
    throw new Refusal('attributeValueInvalid', 'Usage Limits Total must not be negative.');
  }
  if (previous) demandUnused(previous);
  const untouched = [undefined, total, previous?.count];
  if (occasion !== 'creation' && !untouched.includes(count)) {
    throw new Refusal('attributeReadOnly', 'Usage Limits Count is counted by the server. Leave it out.');
  }
  return { total, count: total, unit };
}

/** @throws Refusal `attributeReadOnly` once something was used up (KMIP 1.4 §3.21) */
export function demandUnused({ total, count }: AttributeValueOf<'UsageLimits'>): void {
  if (count === undefined || count === total) return;
  throw new Refusal(
    'attributeReadOnly',
    'Usage Limits cannot be changed or deleted any more: some of the usage has been allocated.',
  );
}

/** Application Data that is left out is made up, in the namespaces that the server serves (KMIP 1.4 §3.36). */
function acceptedApplicationData(
  information: AttributeValueOf<'ApplicationSpecificInformation'>,
  _context: unknown,
  scope: RequestScope,
): AttributeValueOf<'ApplicationSpecificInformation'> {
  const { applicationNamespace, applicationData } = information;
  if (applicationData !== undefined) return information;
  if (scope.config.applicationNamespaces.includes(applicationNamespace)) {
    return { applicationNamespace, applicationData: scope.rng.uuid() };
  }
  throw new KmipError(
    'ApplicationNamespaceNotSupported',
    `This server makes up no Application Data for ${quoted(applicationNamespace)}. Give the data, or add the namespace to applicationNamespaces in the server's configuration.`,
  );
}

function acceptedPolicyName(name: string, _context: unknown, scope: RequestScope): string {
  if (scope.server.policies.has(name)) return name;
  throw new Refusal(
    'attributeValueInvalid',
    `There is no operation policy ${quoted(name)}. Use one of ${scope.server.policies.names().join(', ')}, or leave it out.`,
  );
}

/** Pairs of dates of which the first must not be later than the second. KMIP 1.4 §3.25, §3.26. */
const DATE_ORDER = [
  ['ActivationDate', 'ProcessStartDate'],
  ['ProtectStopDate', 'DeactivationDate'],
] as const satisfies readonly (readonly [AttributeName, AttributeName])[];

/** @throws Refusal `attributeValueInvalid` if dates of an object contradict each other */
export function demandDateOrder(object: ManagedObject): void {
  for (const [earlier, later] of DATE_ORDER) {
    const from = object.get(earlier);
    const to = object.get(later);
    if (from === undefined || to === undefined || from <= to) continue;
    throw new Refusal(
      'attributeValueInvalid',
      `${attributeTextOf(later)} must not be before ${attributeTextOf(earlier)}.`,
    );
  }
}
