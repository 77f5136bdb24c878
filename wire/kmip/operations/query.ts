import { anyValue, boolean, integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, repeated, required, structure } from '../schema/structure.js';
import { extensionInformation, rngParameters } from '../structures/base.js';
import { protectionStorageMasks } from './create.js';

/** KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
export const queryRequest = structure('Query Request Payload', {
  queryFunctions: repeated('QueryFunction', enumeration('QueryFunction')),
  objectGroups: optional('ObjectGroups', anyValue, { since: '2.1' }),
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

/** KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
export const queryResponse = structure('Query Response Payload', {
  operations: multiple('Operation', enumeration('Operation')),
  objectTypes: multiple('ObjectType', enumeration('ObjectType')),
  vendorIdentification: optional('VendorIdentification', textString),
  serverInformation: optional('ServerInformation', anyValue),
  applicationNamespaces: multiple('ApplicationNamespace', textString),
  extensionInformation: multiple('ExtensionInformation', extensionInformation, { since: '1.1' }),
  attestationTypes: multiple('AttestationType', enumeration('AttestationType'), { since: '1.2' }),
  rngParameters: multiple('RNGParameters', rngParameters, { since: '1.3' }),
  profileInformation: multiple('ProfileInformation', profileInformation, { since: '1.3' }),
  validationInformation: multiple('ValidationInformation', anyValue, { since: '1.3' }),
  capabilityInformation: multiple('CapabilityInformation', capabilityInformation, { since: '1.3' }),
  clientRegistrationMethods: multiple('ClientRegistrationMethod', enumeration('ClientRegistrationMethod'), {
    since: '1.3',
  }),
  defaultsInformation: optional('DefaultsInformation', anyValue, { since: '2.1' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});
