import { hash } from 'node:crypto';

import type {
  Attribute,
  AttributeValueOf,
  ManagedObjectValue,
  TemplateAttribute,
} from '../../wire/kmip/index.js';
import { KmipError, attributeTextOf, digestInput } from '../../wire/kmip/index.js';
import { demandRule, demandUniqueName, sameValue } from '../attributes/changes.js';
import { matches } from '../attributes/matching.js';
import type { ObjectTypeName } from '../attributes/rules.js';
import { appliesTo, attributeRule, isMultiple } from '../attributes/rules.js';
import { demandQuantumSafe } from '../attributes/quantum-safe.js';
import { acceptedValue, demandDateOrder } from '../attributes/values.js';
import { SERVER_RNG } from '../cryptography/random.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { quoted } from '../server/scope.js';
import type { AttributeInstance } from './managed-object.js';
import { ManagedObject } from './managed-object.js';

/** What a request says about an object to be made, in the form of 1.x or of 2.x. */
export interface RequestedAttributes {
  readonly templateAttribute?: TemplateAttribute | undefined;
  readonly attributes?: readonly Attribute[] | undefined;
}

/**
 * The attributes of an object to be made: those of the request, and those of the templates that it names. The
 * request goes before templates, later templates before earlier ones (KMIP 1.4 §4).
 *
 * @throws Refusal `templateNotFound` and what {@link demandRule} throws
 */
export async function requestedAttributes(
  requested: RequestedAttributes,
  scope: RequestScope,
): Promise<readonly Attribute[]> {
  const own = requested.attributes ?? requested.templateAttribute?.attributes ?? [];
  const names = requested.templateAttribute?.names ?? [];
  if (names.length === 0) return own;
  const merged = new Map<string, readonly Attribute[]>();
  for (const name of names) {
    merge(merged, await templateAttributes(name, scope));
  }
  merge(merged, own);
  return [...merged.values()].flat();
}

function merge(merged: Map<string, readonly Attribute[]>, added: readonly Attribute[]): void {
  const seen = new Set<string>();
  for (const attribute of added) {
    const { name } = attribute;
    const keep = seen.has(name) || (attributeRule(name)?.multiple ?? true) !== false;
    merged.set(name, keep ? [...(merged.get(name) ?? []), attribute] : [attribute]);
    seen.add(name);
  }
}

async function templateAttributes(
  name: NonNullable<TemplateAttribute['names']>[number],
  scope: RequestScope,
): Promise<readonly Attribute[]> {
  for (const identifier of await scope.workspace.find(scope.client.owner, [{ name: 'Name', value: name }])) {
    const object = await scope.workspace.read(identifier);
    if (
      object?.value?.objectType === 'Template' &&
      object.instances('Name').some((it) => sameValue('Name', it.value, name))
    ) {
      return (object.value.attributes ?? []).filter((attribute) => attribute.name !== 'Name');
    }
  }
  throw new Refusal(
    'templateNotFound',
    `There is no template named ${quoted(name.value)}. Register it first.`,
  );
}

/** Attributes that the server sets with a new object, whatever its type. */
export interface ImplicitAttributes {
  readonly madeHere: boolean;
}

/**
 * A new object with its attributes, not yet added to the workspace.
 *
 * @throws Refusal if an attribute is unknown, read-only, repeated, not for this type, or a name is taken
 */
export async function newObject(
  objectType: ObjectTypeName,
  value: ManagedObjectValue,
  attributes: readonly Attribute[],
  implicit: ImplicitAttributes,
  scope: RequestScope,
): Promise<ManagedObject> {
  const map = new Map<string, readonly AttributeInstance[]>();
  for (const attribute of attributes) {
    if (attribute.name === 'KeyFormatType') {
      demandFormat(value, attribute.value);
      continue;
    }
    const instances = withGiven(map.get(attribute.name) ?? [], objectType, attribute, scope);
    // What is at hand is gone through without a turn of the microtask queue for each attribute.
    if (attribute.name === 'Name') {
      await demandUniqueName(attribute, scope.client.owner, scope, 'nameTaken');
    }
    map.set(attribute.name, instances);
  }
  const given = new ManagedObject({
    uniqueIdentifier: newIdentifier(scope),
    owner: scope.client.owner,
    objectType,
    attributes: map,
    value,
    revision: 0,
  });
  demandDateOrder(given);
  demandQuantumSafe(given);
  if (implicit.madeHere) demandGenerator(given.get('RandomNumberGenerator'));
  const sensitive = given.get('Sensitive') ?? false;
  const extractable = given.get('Extractable') ?? true;
  return given.with({
    InitialDate: scope.nowSeconds,
    LastChangeDate: scope.nowSeconds,
    OperationPolicyName: given.get('OperationPolicyName') ?? 'default',
    Sensitive: sensitive,
    AlwaysSensitive: sensitive,
    Extractable: extractable,
    NeverExtractable: !extractable,
    Fresh: objectType === 'Template' ? undefined : (given.get('Fresh') ?? true),
    LeaseTime: objectType === 'Template' ? undefined : scope.config.leaseSeconds,
    Digest: digestOf(value),
    KeyValuePresent: 'keyBlock' in value && value.keyBlock.keyValue === undefined ? false : undefined,
    OriginalCreationDate: implicit.madeHere ? scope.nowSeconds : undefined,
    RandomNumberGenerator: implicit.madeHere ? SERVER_RNG : undefined,
  });
}

/**
 * An identifier that no object has: a UUID of version 7 (RFC 9562 §5.7) with the random bits of one of version 4. New
 * identifiers end up side by side in the store's index: a commit of many writes one page of it, not one for each.
 */
export function newIdentifier({ rng, nowMs }: Pick<RequestScope, 'rng' | 'nowMs'>): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rng.uuid().slice(15)}`;
}

/** A generator that the client asks for must be the one that is used. @throws Refusal `attributeValueInvalid` */
function demandGenerator(asked: AttributeValueOf<'RandomNumberGenerator'> | undefined): void {
  if (asked === undefined || asked.rngAlgorithm === 'Unspecified') return;
  if (matches('RandomNumberGenerator', asked, SERVER_RNG)) return;
  throw new Refusal(
    'attributeValueInvalid',
    'This server has no such Random Number Generator. Leave it out; Query RNGs tells the one there is.',
  );
}

/** @throws KmipError `KeyFormatTypeNotSupported` if an object is not in the format that the client asks for */
function demandFormat(value: ManagedObjectValue, asked: AttributeValueOf<'KeyFormatType'>): void {
  const format = 'keyBlock' in value ? value.keyBlock.keyFormatType : undefined;
  if (format === undefined || format === asked) return;
  throw new KmipError(
    'KeyFormatTypeNotSupported',
    `The ${value.objectType} is in the format ${format}, not ${asked}. Leave Key Format Type out, and give it to Get.`,
  );
}

/** The instances of an attribute and one that a request gives, unless they have its value already. @throws Refusal */
function withGiven(
  instances: readonly AttributeInstance[],
  objectType: ObjectTypeName,
  attribute: Attribute,
  scope: RequestScope,
): readonly AttributeInstance[] {
  const { name } = attribute;
  const text = attributeTextOf(name);
  const rule = demandRule(name, scope);
  if (!rule.givenAtCreation) {
    throw new Refusal('attributeReadOnly', `${text} is set by the server and cannot be given. Leave it out.`);
  }
  if (!appliesTo(rule, objectType, scope.speaks2)) {
    throw new Refusal('attributeNotForObject', `${text} does not apply to a ${objectType}. Leave it out.`);
  }
  if (instances.length > 0 && !isMultiple(rule, objectType)) {
    throw new Refusal('attributeSingleValued', `${text} is given twice, but has one value only.`);
  }
  const value = acceptedValue(attribute, { occasion: 'creation', previous: undefined }, scope);
  if (instances.some((instance) => sameValue(name, instance.value, value))) return instances;
  if (instances.length >= scope.config.limits.attributeInstances) {
    throw new Refusal('tooManyInstances', `${text} is given more often than this server keeps.`);
  }
  return [...instances, { index: instances.length, value }];
}

/** SHA-256 of the key material, certificate or opaque value as it is stored (KMIP 1.4 §3.17). */
export function digestOf(value: ManagedObjectValue): AttributeValueOf<'Digest'> | undefined {
  const hashingAlgorithm = 'SHA_256';
  if ('opaqueDataValue' in value) return { hashingAlgorithm, digestValue: sha256(value.opaqueDataValue) };
  if ('certificateValue' in value) {
    return { hashingAlgorithm, digestValue: sha256(value.certificateValue), keyFormatType: 'X_509' };
  }
  const input = 'keyBlock' in value ? digestInput(value.keyBlock) : undefined;
  if (!input || !('keyBlock' in value)) return undefined;
  return { hashingAlgorithm, digestValue: sha256(input), keyFormatType: value.keyBlock.keyFormatType };
}

function sha256(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

/** The value of an attribute that must be given. @throws Refusal `attributeMissing` */
export function demandGiven<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw new Refusal('attributeMissing', `${name} must be given.`);
}

/** @throws KmipError `InvalidField` */
export function refuseField(message: string): never {
  throw new KmipError('InvalidField', message);
}
