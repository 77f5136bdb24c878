import { attributes } from '../attributes/attribute.js';
import { boolean, integer, textString } from '../schema/codec.js';
import type { ValueOf } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, repeated, required, structure } from '../schema/structure.js';
import { extensionInformation, rngParameters } from '../structures/base.js';
import { serverInformation } from '../structures/server-information.js';
import { protectionStorageMasks } from './create.js';
import { objectGroups } from './login.js';

/** KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
export const queryRequest = structure('Query Request Payload', {
  queryFunctions: repeated('QueryFunction', enumeration('QueryFunction')),
  objectGroups: optional('ObjectGroups', objectGroups, { since: '2.1' }),
});

/** KMIP 1.4 §2.1.21. */
export const capabilityInformation = structure('Capability Information', {
  streamingCapability: optional('StreamingCapability', boolean),
  asynchronousCapability: optional('AsynchronousCapability', boolean),
  attestationCapability: optional('AttestationCapability', boolean),
  batchUndoCapability: optional('BatchUndoCapability', boolean, { since: '1.4' }),
  batchContinueCapability: optional('BatchContinueCapability', boolean, { since: '1.4' }),
  unwrapMode: optional('UnwrapMode', enumeration('UnwrapMode')),
  destroyAction: optional('DestroyAction', enumeration('DestroyAction')),
  shreddingAlgorithm: optional('ShreddingAlgorithm', enumeration('ShreddingAlgorithm')),
  rngMode: optional('RNGMode', enumeration('RNGMode')),
  quantumSafeCapability: optional('QuantumSafeCapability', boolean, { since: '2.0' }),
});

/** KMIP 1.4 §2.1.19. */
export const profileInformation = structure('Profile Information', {
  profileName: required('ProfileName', enumeration('ProfileName')),
  profileVersion: optional(
    'ProfileVersion',
    structure('Profile Version', {
      major: required('ProfileVersionMajor', integer),
      minor: required('ProfileVersionMinor', integer),
    }),
    { since: '2.0' },
  ),
  serverUri: optional('ServerURI', textString),
  serverPort: optional('ServerPort', integer),
});

/** KMIP 1.4 §2.1.20. */
export const validationInformation = structure('Validation Information', {
  authorityType: required('ValidationAuthorityType', enumeration('ValidationAuthorityType')),
  authorityCountry: optional('ValidationAuthorityCountry', textString),
  authorityUri: optional('ValidationAuthorityURI', textString),
  versionMajor: required('ValidationVersionMajor', integer),
  versionMinor: optional('ValidationVersionMinor', integer),
  type: required('ValidationType', enumeration('ValidationType')),
  level: required('ValidationLevel', integer),
  certificateIdentifier: optional('ValidationCertificateIdentifier', textString),
  certificateUri: optional('ValidationCertificateURI', textString),
  vendorUri: optional('ValidationVendorURI', textString),
  profiles: multiple('ValidationProfile', textString),
});

/** KMIP 2.1 §7.24. */
export const objectTypes = structure('Object Types', {
  objectTypes: multiple('ObjectType', enumeration('ObjectType')),
});

/** KMIP 2.1 §7.22: one Object Type, or from 2.1 a list of them. */
export const objectDefaults = structure('Object Defaults', {
  objectType: optional('ObjectType', enumeration('ObjectType')),
  objectTypes: optional('ObjectTypes', objectTypes, { since: '2.1' }),
  attributes: required('Attributes', attributes),
  objectGroups: optional('ObjectGroups', objectGroups, { since: '2.1' }),
});
/** An {@link objectDefaults}. */
export type ObjectDefaults = ValueOf<typeof objectDefaults>;

/** KMIP 2.1 §7.11. */
export const defaultsInformation = structure('Defaults Information', {
  objectDefaults: multiple('ObjectDefaults', objectDefaults),
});

/** KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
export const queryResponse = structure('Query Response Payload', {
  operations: multiple('Operation', enumeration('Operation')),
  objectTypes: multiple('ObjectType', enumeration('ObjectType')),
  vendorIdentification: optional('VendorIdentification', textString),
  serverInformation: optional('ServerInformation', serverInformation),
  applicationNamespaces: multiple('ApplicationNamespace', textString),
  extensionInformation: multiple('ExtensionInformation', extensionInformation, { since: '1.1' }),
  attestationTypes: multiple('AttestationType', enumeration('AttestationType'), { since: '1.2' }),
  rngParameters: multiple('RNGParameters', rngParameters, { since: '1.3' }),
  profileInformation: multiple('ProfileInformation', profileInformation, { since: '1.3' }),
  validationInformation: multiple('ValidationInformation', validationInformation, { since: '1.3' }),
  capabilityInformation: multiple('CapabilityInformation', capabilityInformation, { since: '1.3' }),
  clientRegistrationMethods: multiple('ClientRegistrationMethod', enumeration('ClientRegistrationMethod'), {
    since: '1.3',
  }),
  defaultsInformation: optional('DefaultsInformation', defaultsInformation, { since: '2.0' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});
