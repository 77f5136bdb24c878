import type { Attribute, AttributeName, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError, attributeTextOf } from '../../wire/kmip/index.js';
import { demandUniqueName, sameValue } from '../attributes/changes.js';
import { attributeRule } from '../attributes/rules.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { withLink } from './links.js';
import { attributeOfInstance } from './managed-object.js';
import type { AttributeInstance, ManagedObject } from './managed-object.js';
import { newObject } from './new-object.js';

/** Dates that move with the Activation Date when an Offset is given. KMIP 1.4 §4.4, Table 172. */
const SHIFTED = ['ProcessStartDate', 'ProtectStopDate', 'DeactivationDate'] as const;

/**
 * Attributes of the existing object that its replacement does not have, or has with values of its own
 * (KMIP 1.4 §4.4, Table 173, and likewise §4.5 and §4.8); all others are copied.
 */
const NOT_COPIED: ReadonlySet<string> = new Set<AttributeName>([
  'ActivationDate',
  ...SHIFTED,
  'InitialDate',
  'LastChangeDate',
  'OriginalCreationDate',
  'DestroyDate',
  'ArchiveDate',
  'CompromiseOccurrenceDate',
  'CompromiseDate',
  'RevocationReason',
  'UsageLimits',
  'Digest',
  'Link',
  'RandomNumberGenerator',
  'Fresh',
  'LeaseTime',
  'AlwaysSensitive',
  'NeverExtractable',
  'KeyValuePresent',
  'KeyValueLocation',
  'RotateDate',
  'RotateGeneration',
  'RotateLatest',
]);

/** How an object is to be replaced. */
export interface Replacement {
  /** The new key or certificate. */
  readonly value: ManagedObjectValue;
  /** Attributes that the request gives; they go before those of the existing object. */
  readonly given: readonly Attribute[];
  /** Seconds from now to the Activation Date; undefined copies the dates as they are. */
  readonly offset: number | undefined;
}

/**
 * Replaces an object, as Re-key, Re-key Key Pair and Re-certify do: the replacement takes over the names and the
 * other attributes, the two are linked, and both changes are in the workspace.
 *
 * @returns the replacement
 * @throws KmipError `InvalidMessage` for an Offset beside dates; Refusal `notReplaceable`, what {@link datesOf}
 *   and what {@link newObject} throws
 */
export async function replaceObject(
  existing: ManagedObject,
  { value, given, offset }: Replacement,
  scope: RequestScope,
): Promise<ManagedObject> {
  demandReplaceable(existing);
  demandOffsetAlone(given, offset);
  const dates = datesOf(existing, offset, scope.nowSeconds);
  // Names are free only once the existing object has none.
  const nameless = existing.withInstances('Name', []);
  scope.workspace.replace(existing, nameless);

  const made = await newObject(existing.objectType, value, given, { madeHere: true }, scope);
  const named = new Set(given.map(({ name }) => name));
  const dated = made.with(
    Object.fromEntries(Object.entries(dates).filter(([name]) => !named.has(name as AttributeName))),
  );
  const usageLimits = named.has('UsageLimits') ? undefined : existing.get('UsageLimits');
  const merged = merge(dated, existing, named, scope).with({
    UsageLimits: usageLimits && { ...usageLimits, count: usageLimits.total },
    RotateGeneration: (existing.get('RotateGeneration') ?? 0) + 1,
    RotateLatest: true,
  });
  const replacement = withLink(
    merged.with({
      AlwaysSensitive: merged.get('Sensitive'),
      NeverExtractable: !(merged.get('Extractable') ?? true),
    }),
    'ReplacedObjectLink',
    existing.uniqueIdentifier,
  );
  if (existing.owner !== replacement.owner) await demandNamesFree(replacement, scope);
  scope.workspace.add(replacement);

  const replaced = withLink(nameless, 'ReplacementObjectLink', replacement.uniqueIdentifier);
  scope.workspace.replace(
    nameless,
    // Rotate Date is "the time when the Managed Object was rotated" (KMIP 2.1 §4.49): that of the older object.
    replaced.with({ LastChangeDate: scope.nowSeconds, RotateDate: scope.nowSeconds, RotateLatest: false }),
  );
  return replacement;
}

/** There "SHALL be only one such replacement object per Managed Object" (KMIP 1.4 §3.35). */
function demandReplaceable(existing: ManagedObject): void {
  const { uniqueIdentifier } = existing;
  if (!existing.value) {
    throw new Refusal('objectDestroyed', `Object ${uniqueIdentifier} is destroyed; create a new one.`);
  }
  for (const { value } of existing.instances('Link')) {
    const { type, linkedObjectIdentifier } = value as { type: unknown; linkedObjectIdentifier: string };
    if (type !== 'ReplacementObjectLink') continue;
    throw new Refusal(
      'notReplaceable',
      `Object ${uniqueIdentifier} was replaced before. Replace its replacement ${linkedObjectIdentifier}.`,
    );
  }
}

/** Names of another owner's object may be those of objects that the client has. @throws Refusal `nameTakenByAnother` */
async function demandNamesFree(replacement: ManagedObject, scope: RequestScope): Promise<void> {
  for (const instance of replacement.instances('Name')) {
    const name = attributeOfInstance('Name', instance);
    await demandUniqueName(name, replacement.owner, scope, 'nameTakenByAnother');
  }
}

function demandOffsetAlone(given: readonly Attribute[], offset: number | undefined): void {
  if (offset === undefined) return;
  const date = given.find(({ name }) => name === 'ActivationDate' || SHIFTED.some((it) => it === name));
  if (date) {
    throw new KmipError(
      'InvalidMessage',
      `Offset and ${attributeTextOf(date.name)} exclude each other. Give one of them.`,
    );
  }
}

/**
 * Dates of the replacement (KMIP 1.4 §4.4, Table 172).
 *
 * @throws Refusal `offsetWithoutActivation`, `attributeValueInvalid`
 */
function datesOf(
  existing: ManagedObject,
  offset: number | undefined,
  nowSeconds: number,
): Partial<Record<'ActivationDate' | (typeof SHIFTED)[number], number>> {
  const before = existing.get('ActivationDate');
  const activation = offset === undefined ? before : nowSeconds + offset;
  const present = SHIFTED.filter((name) => existing.get(name) !== undefined);
  if (offset !== undefined && before === undefined && present.length > 0) {
    throw new Refusal(
      'offsetWithoutActivation',
      'The existing object has no Activation Date that an Offset could count from. Give the dates instead.',
    );
  }
  const shift = (activation ?? 0) - (before ?? 0);
  const shifted = present.map((name) => [name, (existing.get(name) ?? 0) + shift] as const);
  for (const [name, date] of shifted) {
    if (Number.isSafeInteger(date)) continue;
    throw new Refusal(
      'attributeValueInvalid',
      `With this Offset, ${attributeTextOf(name)} would be later than dates are kept. Give the dates instead.`,
    );
  }
  return { ...(activation !== undefined && { ActivationDate: activation }), ...Object.fromEntries(shifted) };
}

/** The replacement with the attributes that it has from the existing object; what is given comes after, or instead. */
function merge(
  made: ManagedObject,
  existing: ManagedObject,
  given: ReadonlySet<string>,
  scope: RequestScope,
): ManagedObject {
  let merged = made;
  for (const [name, copied] of existing.attributes) {
    if (NOT_COPIED.has(name)) continue;
    const multiple = attributeRule(name)?.multiple ?? true;
    if (given.has(name) && !multiple) continue;
    const own = given.has(name) ? made.instances(name) : [];
    const values = [
      ...copied,
      ...own.filter((instance) => !copied.some((it) => sameValue(name, it.value, instance.value))),
    ];
    if (values.length > scope.config.limits.attributeInstances) {
      throw new Refusal(
        'tooManyInstances',
        `${attributeTextOf(name)} would have more instances than kept here.`,
      );
    }
    merged = merged.withInstances(name, renumbered(values));
  }
  return merged;
}

function renumbered(instances: readonly AttributeInstance[]): AttributeInstance[] {
  return instances.map(({ value }, index) => ({ index, value }));
}
