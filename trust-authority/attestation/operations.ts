import type { Clock } from '../../core/clock.js';
import { parsePemChain } from '../../core/pki/index.js';
import { attestRequest, x509CertChain } from '../../wire/attestation/index.js';
import type { AttestResult } from '../../wire/attestation/index.js';
import { MAX_IMGDB_BYTES } from '../../wire/esx-image/index.js';
import { attestationSettings, caCertificateSpec, endorsementKeySpec, rawConfigSpec } from '../config.js';
import type { KeyPairs } from '../pki/key-pairs.js';
import { binaryOperation, jsonOperation, operation } from '../rest/operation.js';
import type { Operation } from '../rest/operation.js';
import { chainOf } from '../rest-client.js';
import { SIGNING_KEY, contextOf } from './attestation-service.js';
import type { AttestationService } from './attestation-service.js';
import type { AttestationCluster } from './cluster/cluster.js';
import { clusterOperations } from './cluster/operations.js';
import type { AttestationConfiguration } from './configuration.js';
import type { KnownHosts } from './known-hosts.js';
import { MAX_RAW_CONFIGURATION_CHARACTERS, checkedText } from './raw-configuration.js';
import { attestationStatus } from './status.js';

const ROOT = '/api/esx/attestation';
const HOSTS = '/api/kpsim/attestation/hosts';

/** What the operations of an attestation service work on. */
export interface AttestationRooms {
  readonly service: AttestationService;
  readonly configuration: AttestationConfiguration;
  readonly knownHosts: KnownHosts;
  readonly cluster: AttestationCluster;
  readonly clock: Clock;
  readonly keyPairs: KeyPairs;
  /** Common name for signing certificates that the service makes. */
  readonly signerName: string;
}

/** REST operations of an attestation service, `/api/esx/attestation` of the vSphere Automation API. */
export function attestationOperations(rooms: AttestationRooms): readonly Operation[] {
  return [
    ...reportOperations(rooms),
    ...tpm2Operations(rooms),
    ...baseImageOperations(rooms),
    ...certificateOperations(rooms),
    ...serviceOperations(rooms),
    ...clusterOperations(rooms),
  ];
}

function reportOperations({ service }: AttestationRooms): Operation[] {
  return [
    jsonOperation({
      name: 'attestation.report.attest',
      method: 'POST',
      path: `${ROOT}/report`,
      action: 'attest',
      access: 'client',
      body: attestRequest,
      // Event logs are longer than other bodies.
      maxJsonBytes: 6 * 1024 * 1024,
      run: ({ body, client }) => service.attest(body, client),
      journal: (_request, answer) => verdictOf(answer as AttestResult),
      corrupt: (answer) => corruptedDocuments(answer as AttestResult),
    }),
  ];
}

function tpm2Operations({ configuration }: AttestationRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  return [
    operation({
      ...administrator,
      name: 'attestation.tpm2.settings.get',
      method: 'GET',
      path: `${ROOT}/tpm2/settings`,
      run: () => configuration.settings,
    }),
    jsonOperation({
      ...administrator,
      name: 'attestation.tpm2.settings.update',
      method: 'PATCH',
      path: `${ROOT}/tpm2/settings`,
      body: attestationSettings.partial(),
      run: ({ body }) => configuration.updateSettings(body),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.ca_certificates.list',
      method: 'GET',
      path: `${ROOT}/tpm2/ca-certificates`,
      run: () => configuration.authorityNames().map((name) => ({ name })),
    }),
    jsonOperation({
      ...administrator,
      name: 'attestation.tpm2.ca_certificates.create',
      method: 'POST',
      path: `${ROOT}/tpm2/ca-certificates`,
      body: caCertificateSpec,
      run: ({ body: { crls, ...info } }) => configuration.importAuthority({ ...info, ...(crls && { crls }) }),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.ca_certificates.get',
      method: 'GET',
      path: `${ROOT}/tpm2/ca-certificates/:name`,
      run: ({ parameters }) => configuration.authority(parameters.name ?? ''),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.ca_certificates.delete',
      method: 'DELETE',
      path: `${ROOT}/tpm2/ca-certificates/:name`,
      run: ({ parameters }) => configuration.removeAuthority(parameters.name ?? ''),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.endorsement_keys.list',
      method: 'GET',
      path: `${ROOT}/tpm2/endorsement-keys`,
      run: () => configuration.endorsementKeyNames().map((name) => ({ name })),
    }),
    jsonOperation({
      ...administrator,
      name: 'attestation.tpm2.endorsement_keys.create',
      method: 'POST',
      path: `${ROOT}/tpm2/endorsement-keys`,
      body: endorsementKeySpec,
      run: ({ body: { name, public_key, certificate } }) =>
        configuration.registerEndorsementKey({
          name,
          ...(public_key !== undefined && { public_key }),
          ...(certificate !== undefined && { certificate }),
        }),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.endorsement_keys.get',
      method: 'GET',
      path: `${ROOT}/tpm2/endorsement-keys/:name`,
      run: ({ parameters }) => configuration.endorsementKey(parameters.name ?? ''),
    }),
    operation({
      ...administrator,
      name: 'attestation.tpm2.endorsement_keys.delete',
      method: 'DELETE',
      path: `${ROOT}/tpm2/endorsement-keys/:name`,
      run: ({ parameters }) => configuration.removeEndorsementKey(parameters.name ?? ''),
    }),
  ];
}

function baseImageOperations({ configuration: { baseImages } }: AttestationRooms): Operation[] {
  const path = `${ROOT}/os/esx/base-images`;
  return [
    binaryOperation({
      name: 'attestation.os.esx.base_images.import_from_imgdb',
      method: 'POST',
      path,
      action: 'import-from-imgdb',
      access: 'administrator',
      status: 201,
      maxBytes: MAX_IMGDB_BYTES,
      run: ({ body }) => baseImages.importFromImgdb(body),
    }),
    operation({
      name: 'attestation.os.esx.base_images.list',
      method: 'GET',
      path,
      access: 'administrator',
      run: () => baseImages.list(),
    }),
    operation({
      name: 'attestation.os.esx.base_images.get',
      method: 'GET',
      path: `${path}/:image`,
      access: 'administrator',
      run: ({ parameters }) => baseImages.get(parameters.image ?? ''),
    }),
    operation({
      name: 'attestation.os.esx.base_images.delete',
      method: 'DELETE',
      path: `${path}/:image`,
      access: 'administrator',
      run: ({ parameters }) => baseImages.remove(parameters.image ?? ''),
    }),
  ];
}

function certificateOperations({ keyPairs, signerName }: AttestationRooms): Operation[] {
  return [
    operation({
      name: 'attestation.certificate.get',
      method: 'GET',
      path: `${ROOT}/certificate`,
      access: 'client',
      run: async () => chainOf((await keyPairs.findOrCreate(SIGNING_KEY, signerName)).certificateChainPem),
    }),
    jsonOperation({
      name: 'attestation.certificate.update',
      method: 'PUT',
      path: `${ROOT}/certificate`,
      access: 'administrator',
      body: x509CertChain,
      run: async ({ body }) => {
        const pem = body.cert_chain.join('\n');
        parsePemChain(pem);
        await keyPairs.replaceCertificate(SIGNING_KEY, pem);
      },
    }),
    operation({
      name: 'attestation.certificate.csr.create',
      method: 'POST',
      path: `${ROOT}/certificate/csr`,
      access: 'administrator',
      status: 201,
      run: async () => ({ csr: await keyPairs.createCsr(SIGNING_KEY, signerName) }),
    }),
    operation({
      name: 'attestation.certificate.csr.get',
      method: 'GET',
      path: `${ROOT}/certificate/csr`,
      access: 'administrator',
      run: () => ({ csr: keyPairs.csr(SIGNING_KEY) }),
    }),
  ];
}

function serviceOperations({ configuration, knownHosts, cluster, clock }: AttestationRooms): Operation[] {
  return [
    operation({
      name: 'attestation.raw_config.get',
      method: 'GET',
      path: `${ROOT}/raw-config`,
      access: 'administrator',
      run: () => configuration.applied(),
    }),
    jsonOperation({
      name: 'attestation.raw_config.replace',
      method: 'PUT',
      path: `${ROOT}/raw-config`,
      access: 'administrator',
      body: rawConfigSpec,
      // JSON in a JSON string: quotes are escaped.
      maxJsonBytes: 2 * MAX_RAW_CONFIGURATION_CHARACTERS,
      run: ({ body }) => configuration.replace(checkedText(body)),
    }),
    operation({
      name: 'attestation.status.get',
      method: 'GET',
      path: `${ROOT}/status`,
      access: 'client',
      run: async () => {
        await cluster.check();
        return attestationStatus(configuration, cluster.peers);
      },
    }),
    operation({
      name: 'attestation.hosts.list',
      method: 'GET',
      path: HOSTS,
      access: 'administrator',
      run: () => knownHosts.list(),
    }),
    operation({
      name: 'attestation.hosts.forget',
      method: 'DELETE',
      path: `${HOSTS}/:host`,
      access: 'administrator',
      run: ({ parameters }) => knownHosts.forget(parameters.host ?? '', clock.now()),
    }),
  ];
}

/** What the journal keeps of a round: how far it came and why it failed, nothing of the evidence. */
function verdictOf(answer: AttestResult): Readonly<Record<string, unknown>> {
  const context = contextOf(answer);
  if (context?.kind !== 'appraisal') return { round: context?.kind };
  const failed = context.steps.filter((step) => step.status === 'failed');
  return {
    attested: answer.attested,
    failed: failed.map(({ name, reason }) => ({ name, reason })),
    documents: answer.documents.map(({ type }) => type),
  };
}

/** Documents whose signature does not verify. */
function corruptedDocuments(answer: AttestResult): AttestResult {
  const documents = answer.documents.map(({ type, document }) => {
    const at = document.lastIndexOf('.') + 1;
    return {
      type,
      document: document.slice(0, at) + (document[at] === 'A' ? 'B' : 'A') + document.slice(at + 1),
    };
  });
  return { ...answer, documents };
}
