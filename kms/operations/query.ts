import type { NameIn, ResponsePayload } from '../../wire/kmip/index.js';
import { enumerationExistsIn, protocolVersionOf, rankOf, spokenVersion } from '../../wire/kmip/index.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';
import { supportedOperations } from './registry.js';

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

/** What each Query Function adds to the answer; functions that are not here have nothing to tell. KMIP 1.4 §4.25. */
const ANSWERS: Partial<Record<NameIn<'QueryFunction'>, (scope: RequestScope) => Partial<Answer>>> = {
  QueryOperations: (scope) => ({ operations: supportedOperations(scope.rank) }),
  QueryObjects: (scope) => ({
    objectTypes: OBJECT_TYPES.filter((type) => enumerationExistsIn('ObjectType', type, scope.rank)),
  }),
  QueryServerInformation: (scope) => ({ vendorIdentification: scope.config.vendorIdentification }),
  QueryRNGs: () => ({ rngParameters: [{ rngAlgorithm: 'Unspecified' }] }),
  QueryCapabilities: () => ({
    capabilityInformation: [
      {
        streamingCapability: false,
        asynchronousCapability: false,
        attestationCapability: false,
        batchUndoCapability: true,
        batchContinueCapability: true,
        unwrapMode: 'NotProcessed',
        destroyAction: 'KeyMaterialDeleted',
        shreddingAlgorithm: 'Unspecified',
        rngMode: 'SharedInstantiation',
      },
    ],
  }),
};

/** KMIP 1.4 §4.25. */
export const query: OperationHandler<'Query'> = (payload, scope) => {
  const answer: Partial<Answer> = scope.speaks2 ? { protectionStorageMasks: {} } : {};
  for (const queryFunction of payload.queryFunctions) {
    const add = typeof queryFunction === 'string' ? ANSWERS[queryFunction] : undefined;
    if (add) Object.assign(answer, add(scope));
  }
  return answer;
};

/** The versions that both sides speak, newest first. KMIP 1.4 §4.26. */
export const discoverVersions: OperationHandler<'DiscoverVersions'> = (payload, scope) => {
  const spoken = [...scope.config.protocolVersions].sort((left, right) => rankOf(right) - rankOf(left));
  const offered = payload.protocolVersions;
  if (!offered) return { protocolVersions: spoken.map(protocolVersionOf) };
  const common = offered.filter((version) =>
    spoken.some((name) => name === spokenVersion(version) && name === `${version.major}.${version.minor}`),
  );
  return { protocolVersions: common };
};
