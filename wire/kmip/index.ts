/** KMIP as a language: tables, TTLV, typed messages. No input or output. */
export * from './attributes/attribute.js';
export * from './attributes/table.js';
export * from './encodings/index.js';
export * from './errors.js';
export * from './message.js';
export * from './operations/index.js';
export type {
  EnumerationName,
  EnumerationValue,
  NameIn,
  OperationName,
  ResultReasonName,
} from './schema/enumeration.js';
export { enumerationExistsIn, enumerationRows, enumerationValueOf } from './schema/enumeration.js';
export type * from './structures/base.js';
export type {
  AttestationCredential,
  Credential,
  DeviceCredential,
  HashedPassword,
  Ticket,
  UsernameAndPassword,
} from './structures/credential.js';
export type { IdentifierReference } from './structures/identifier.js';
export type {
  KeyBlock,
  KeyInformation,
  KeyMaterial,
  KeyWrappingData,
  KeyWrappingSpecification,
  PlainKeyValue,
} from './structures/key-block.js';
export { decodeKeyValue, digestInput, encodeKeyValue, keyMaterialBytes } from './structures/key-block.js';
export type { DerivationParameters } from './operations/derive-key.js';
export type { Right, TicketLease } from './operations/login.js';
export type { Pkcs11Function } from './operations/pkcs11.js';
export type { ObjectDefaults } from './operations/query.js';
export type { ManagedObjectValue, ObjectTypeName } from './structures/managed-object.js';
export { managedObject } from './structures/managed-object.js';
export { protocolVersionOf } from './structures/protocol-version.js';
export type { ProtocolVersion } from './structures/protocol-version.js';
export type { TemplateAttribute } from './structures/template-attribute.js';
export { givenAttributes } from './structures/template-attribute.js';
export type { ServerInformation } from './structures/server-information.js';
export type { TagName } from './tables/tag-names.js';
export { tagName, tagText, tagValue } from './tables/tag-names.js';
export * from './tables/masks.js';
export { recycleMessage, takeBuffer } from './ttlv/buffers.js';
export type { ValuePlace } from './ttlv/find.js';
export { findValue } from './ttlv/find.js';
export { TtlvReader } from './ttlv/reader.js';
export * from './ttlv/tree.js';
export type { ItemTypeName } from './ttlv/types.js';
export { HEADER_BYTES, ITEM_TYPES, LARGEST_DATE_TIME } from './ttlv/types.js';
export { TtlvWriter } from './ttlv/writer.js';
export * from './versions.js';
