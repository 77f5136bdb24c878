import type { NameIn, RequestPayload, ResponsePayload } from '../../wire/kmip/index.js';
import {
  ITEM_TYPES,
  KmipError,
  PROTECTION_STORAGE_MASK,
  enumerationExistsIn,
} from '../../wire/kmip/index.js';
import { SERVER_RNG } from '../cryptography/random.js';
import { profilesIn } from '../profiles.js';
import { quoted } from '../server/scope.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';
import { OPERATIONS, supportedOperations } from './registry.js';

type Answer = ResponsePayload<'Query'>;

/** Object types that can be registered or created. */
const OBJECT_TYPES = [
  'Certificate',
  'SymmetricKey',
  'PublicKey',
  'PrivateKey',
  'SplitKey',
  'Template',
  'SecretData',
  'OpaqueObject',
  'PGPKey',
  'CertificateRequest',
] as const satisfies readonly NameIn<'ObjectType'>[];

/** What each Query Function adds to the answer. KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
const ANSWERS: Readonly<Record<NameIn<'QueryFunction'>, (scope: RequestScope) => Partial<Answer>>> = {
  QueryOperations: ({ rank }) => ({ operations: supportedOperations(rank) }),
  QueryObjects: ({ rank }) => ({
    objectTypes: OBJECT_TYPES.filter((type) => enumerationExistsIn('ObjectType', type, rank)),
  }),
  QueryServerInformation: ({ config }) => ({
    vendorIdentification: config.vendorIdentification,
    serverInformation: { serverName: config.name, ...config.serverInformation },
  }),
  QueryApplicationNamespaces: ({ config }) => ({ applicationNamespaces: config.applicationNamespaces }),
  QueryExtensionList: ({ config }) => ({
    extensionInformation: config.extensions.map(({ name }) => ({ extensionName: name })),
  }),
  QueryExtensionMap: ({ config }) => ({
    extensionInformation: config.extensions.map(({ name, tag, type }) => ({
      extensionName: name,
      extensionTag: tag,
      extensionType: ITEM_TYPES[type],
    })),
  }),
  QueryAttestationTypes: (scope) => ({
    attestationTypes: attests(scope) ? scope.config.attestation.types : [],
  }),
  QueryRNGs: () => ({ rngParameters: [SERVER_RNG] }),
  QueryValidations: ({ config }) => ({ validationInformation: config.validations }),
  QueryProfiles: ({ version }) => ({ profileInformation: profilesIn(version) }),
  QueryCapabilities: (scope) => ({ capabilityInformation: [capabilities(scope)] }),
  QueryClientRegistrationMethods: ({ config }) => ({
    clientRegistrationMethods: config.clientRegistrationMethods,
  }),
  QueryDefaultsInformation: () => ({ defaultsInformation: {} }),
  QueryStorageProtectionMasks: () => ({
    protectionStorageMasks: { masks: [PROTECTION_STORAGE_MASK.Software] },
  }),
};

/** KMIP 1.4 §4.25, KMIP 2.1 §6.1.40. */
export const query: OperationHandler<'Query'> = async ({ queryFunctions, objectGroups }, scope) => {
  await demandGroups(objectGroups, scope);
  const answer: Partial<Answer> = scope.speaks2 ? { protectionStorageMasks: {} } : {};
  for (const queryFunction of queryFunctions) {
    // The map tells all that the list does, and stands alone if both are asked for.
    if (queryFunction === 'QueryExtensionList' && queryFunctions.includes('QueryExtensionMap')) continue;
    if (typeof queryFunction === 'string') Object.assign(answer, ANSWERS[queryFunction](scope));
  }
  return answer;
};

/** KMIP 1.4 §2.1.21. */
function capabilities(scope: RequestScope): NonNullable<Answer['capabilityInformation']>[number] {
  return {
    streamingCapability: 'Encrypt' in OPERATIONS,
    asynchronousCapability: scope.config.asynchronous.enabled,
    attestationCapability: attests(scope),
    batchUndoCapability: true,
    batchContinueCapability: true,
    unwrapMode: 'NotProcessed',
    destroyAction: 'KeyMaterialDeleted',
    shreddingAlgorithm: 'Unsupported',
    // OpenSSL keeps a generator for each thread; which one serves a request is not told.
    rngMode: 'Unspecified',
    quantumSafeCapability: true,
  };
}

/** Whether clients can attest themselves: something is right to be attested. */
function attests({ config }: RequestScope): boolean {
  return config.attestation.accepted.length > 0;
}

/** @throws KmipError `UnknownObjectGroup` for groups without members that the server does not make up itself */
async function demandGroups(
  named: RequestPayload<'Query'>['objectGroups'],
  { workspace, client, config }: RequestScope,
): Promise<void> {
  for (const group of named?.objectGroups ?? []) {
    if (Object.hasOwn(config.generatedGroups, group)) continue;
    const members = await workspace.find(client.owner, [{ name: 'ObjectGroup', value: group }]);
    if (members.length > 0) continue;
    throw new KmipError('UnknownObjectGroup', `There is no Object Group ${quoted(group)}.`);
  }
}
