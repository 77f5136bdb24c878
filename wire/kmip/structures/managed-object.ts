import { attribute } from '../attributes/attribute.js';
import type { Codec, ValueOf } from '../schema/codec.js';
import { bigInteger, byteString, integer } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import type { Field, StructureCodec } from '../schema/structure.js';
import { choice, multiple, optional, required, structure } from '../schema/structure.js';
import { tagName } from '../tables/tag-names.js';
import { keyBlock } from './key-block.js';

const opaqueDataType: Codec<number> = {
  read: (reader) => reader.enumeration(),
  write: (writer, tag, value) => writer.enumeration(tag, value),
};

/** Managed objects by Object Type, which is also their tag. KMIP 1.4 §2.2, KMIP 2.1 §2. */
export const MANAGED_OBJECTS = {
  Certificate: structure('Certificate', {
    certificateType: required('CertificateType', enumeration('CertificateType')),
    certificateValue: required('CertificateValue', byteString),
  }),
  CertificateRequest: structure('Certificate Request', {
    certificateRequestType: required('CertificateRequestType', enumeration('CertificateRequestType')),
    certificateRequestValue: required('CertificateRequestValue', byteString),
  }),
  SymmetricKey: structure('Symmetric Key', { keyBlock: required('KeyBlock', keyBlock) }),
  PublicKey: structure('Public Key', { keyBlock: required('KeyBlock', keyBlock) }),
  PrivateKey: structure('Private Key', { keyBlock: required('KeyBlock', keyBlock) }),
  SplitKey: structure('Split Key', {
    splitKeyParts: required('SplitKeyParts', integer),
    keyPartIdentifier: required('KeyPartIdentifier', integer),
    splitKeyThreshold: required('SplitKeyThreshold', integer),
    splitKeyMethod: required('SplitKeyMethod', enumeration('SplitKeyMethod')),
    primeFieldSize: optional('PrimeFieldSize', bigInteger),
    keyBlock: required('KeyBlock', keyBlock),
  }),
  Template: structure('Template', { attributes: multiple('Attribute', attribute) }),
  SecretData: structure('Secret Data', {
    secretDataType: required('SecretDataType', enumeration('SecretDataType')),
    keyBlock: required('KeyBlock', keyBlock),
  }),
  OpaqueObject: structure('Opaque Object', {
    opaqueDataType: required('OpaqueDataType', opaqueDataType),
    opaqueDataValue: required('OpaqueDataValue', byteString),
  }),
  PGPKey: structure('PGP Key', {
    pgpKeyVersion: required('PGPKeyVersion', integer),
    keyBlock: required('KeyBlock', keyBlock),
  }),
} as const;

/** Object Type of a managed object. */
export type ObjectTypeName = keyof typeof MANAGED_OBJECTS;

/** A managed object with its type. */
export type ManagedObjectValue = {
  [N in ObjectTypeName]: { readonly objectType: N } & ValueOf<(typeof MANAGED_OBJECTS)[N]>;
}[ObjectTypeName];

const OBJECT_TAGS = Object.keys(MANAGED_OBJECTS) as ObjectTypeName[];

/** A managed object under the tag of its type. */
export const managedObject: Codec<ManagedObjectValue> = {
  read(reader, siblings) {
    // A field of this codec accepts only the tags of MANAGED_OBJECTS.
    const objectType = tagName(reader.tag) as ObjectTypeName;
    return { objectType, ...codecOf(objectType).read(reader, siblings) } as ManagedObjectValue;
  },
  write: (writer, tag, value, siblings) =>
    codecOf(value.objectType).write(writer, tag, value as never, siblings),
};

function codecOf(objectType: ObjectTypeName): StructureCodec<Record<string, never>> {
  return MANAGED_OBJECTS[objectType] as unknown as StructureCodec<Record<string, never>>;
}

/** A field that holds a managed object. */
export function managedObjectField<P extends 'required' | 'optional'>(
  presence: P,
): Field<Codec<ManagedObjectValue>, P> {
  return choice(OBJECT_TAGS, managedObject, presence, (value) => value.objectType);
}
