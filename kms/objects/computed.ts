import { createHash } from 'node:crypto';

import type { Attribute, AttributeName, EnumerationValue } from '../../wire/kmip/index.js';
import { PROTECTION_STORAGE_MASK } from '../../wire/kmip/index.js';
import type { ObjectTypeName } from '../attributes/rules.js';
import type { AttributeInstance, ManagedObject } from './managed-object.js';
import { attributeOfInstance } from './managed-object.js';
import { stateAt } from './lifecycle.js';

type Compute = (object: ManagedObject, nowSeconds: number) => unknown;

/** Key Format Types of objects without a Key Block. KMIP 2.1 §4.26, Table 81. */
const DEFAULT_FORMATS: Partial<Record<ObjectTypeName, EnumerationValue<'KeyFormatType'>>> = {
  Certificate: 'X_509',
  CertificateRequest: 'PKCS_10',
  OpaqueObject: 'Opaque',
};

/** Attributes that follow from the object and are therefore not stored. */
export const COMPUTED_ATTRIBUTES = {
  UniqueIdentifier: (object) => object.uniqueIdentifier,
  ObjectType: (object) => object.objectType,
  State: (object, nowSeconds) => (object.objectType === 'Template' ? undefined : stateAt(object, nowSeconds)),
  KeyFormatType: (object) =>
    object.value && 'keyBlock' in object.value
      ? object.value.keyBlock.keyFormatType
      : (object.get('Digest')?.keyFormatType ?? DEFAULT_FORMATS[object.objectType]),
  ProtectionStorageMask: (object) =>
    object.objectType === 'Template' ? undefined : PROTECTION_STORAGE_MASK.Software,
  OpaqueDataType: (object) =>
    object.value?.objectType === 'OpaqueObject' ? object.value.opaqueDataType : undefined,
  // KMIP 2.1 §4.56 recommends SHA-256 of the Unique Identifier.
  ShortUniqueIdentifier: (object) => createHash('sha256').update(object.uniqueIdentifier).digest(),
} as const satisfies Partial<Record<AttributeName, Compute>>;

/** By name; a map, as clients make names up, and `constructor` may be one of them. */
const COMPUTED: ReadonlyMap<string, Compute> = new Map(Object.entries(COMPUTED_ATTRIBUTES));

/** All instances of an attribute, stored or computed. */
export function instancesAt(
  object: ManagedObject,
  name: string,
  nowSeconds: number,
): readonly AttributeInstance[] {
  const compute = COMPUTED.get(name);
  if (!compute) return object.instances(name);
  const value = compute(object, nowSeconds);
  return value === undefined ? [] : [{ index: 0, value }];
}

/** Names of all attributes that the object has at a time. */
export function attributeNamesAt(object: ManagedObject, nowSeconds: number): string[] {
  const computed = [...COMPUTED.keys()].filter((name) => instancesAt(object, name, nowSeconds).length > 0);
  return [...computed, ...object.attributes.keys()];
}

/** Attributes of the names given, in their order; those that the object lacks are left out. */
export function attributesAt(
  object: ManagedObject,
  names: readonly string[],
  nowSeconds: number,
): Attribute[] {
  return names.flatMap((name) =>
    instancesAt(object, name, nowSeconds).map((instance) => attributeOfInstance(name, instance)),
  );
}
