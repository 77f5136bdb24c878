import * as z from 'zod';

import { base64Bytes } from '../../wire/attestation/index.js';
import {
  attestationServiceSpec,
  clientCertificateSpec,
  credentialSpec,
  givenName,
  providerCreateSpec,
  providerUpdateSpec,
  serverCertificatesSpec,
} from '../config.js';
import { jsonOperation, operation } from '../rest/operation.js';
import type { Operation, OperationRequest } from '../rest/operation.js';
import type { ServiceStatus } from '../rest-client.js';
import type { KmsCluster } from './cluster.js';
import { configurationOperations } from './configuration-operations.js';
import type { KmsConfiguration } from './configuration.js';
import type { ConsumerPrincipals } from './consumer-principals.js';
import type { KeyOperations } from './key-operations.js';
import { principalOperations } from './principal-operations.js';
import type { Providers } from './providers.js';
import type { TrustedIssuers } from './trusted-issuers.js';
import { KEY_LENGTHS, MAX_WRAPPED_CHARACTERS } from './wrapped-key.js';

const ROOT = '/api/esx/kms';
const PROVIDERS = `${ROOT}/providers`;
const ATTESTATION_SERVICES = '/api/esx/trusted-infrastructure/attestation/services';

/** What the operations of a key provider service work on. */
export interface KmsRooms {
  readonly keys: KeyOperations;
  readonly providers: Providers;
  readonly issuers: TrustedIssuers;
  readonly principals: ConsumerPrincipals;
  readonly configuration: KmsConfiguration;
  readonly cluster: KmsCluster;
}

/** REST operations of a key provider service, `/api/esx/kms` of the vSphere Automation API. */
export function kmsOperations(rooms: KmsRooms): readonly Operation[] {
  return [
    ...keyOperations(rooms),
    ...providerOperations(rooms),
    ...certificateOperations(rooms),
    ...issuerOperations(rooms),
    ...principalOperations(rooms),
    ...configurationOperations(rooms),
    ...serviceOperations(rooms),
  ];
}

const provider = givenName;
const wrapped = base64Bytes((MAX_WRAPPED_CHARACTERS / 4) * 3);
const numOfBytes = z.union(KEY_LENGTHS.map((length) => z.literal(length)));
const plaintext = base64Bytes(Math.max(...KEY_LENGTHS)).refine(
  (text) => KEY_LENGTHS.some((length) => length === Buffer.from(text, 'base64').length),
  { error: `a key of ${KEY_LENGTHS.join(', ')} bytes` },
);

function keyOperations({ keys }: KmsRooms): Operation[] {
  const journal = ({ body }: OperationRequest<{ provider: string }>) => ({ provider: body.provider });
  return [
    jsonOperation({
      name: 'kms.generate_key',
      method: 'POST',
      path: `${ROOT}/generate-key`,
      access: 'client',
      body: z.strictObject({ provider, num_of_bytes: numOfBytes }),
      run: ({ body, ...requester }) => keys.generateKey(requester, body.provider, body.num_of_bytes),
      journal,
      corrupt: corruptedKey,
    }),
    jsonOperation({
      name: 'kms.encrypt',
      method: 'POST',
      path: `${ROOT}/encrypt`,
      access: 'client',
      body: z.strictObject({ provider, plaintext }),
      run: ({ body, ...requester }) =>
        keys.encrypt(requester, body.provider, Buffer.from(body.plaintext, 'base64')),
      journal,
    }),
    jsonOperation({
      name: 'kms.decrypt',
      method: 'POST',
      path: `${ROOT}/decrypt`,
      access: 'client',
      body: z.strictObject({ provider, ciphertext: wrapped }),
      run: ({ body, ...requester }) => keys.decrypt(requester, body.provider, body.ciphertext),
      journal,
      corrupt: corruptedKey,
    }),
  ];
}

function providerOperations({ providers }: KmsRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  return [
    operation({
      ...administrator,
      name: 'kms.providers.list',
      method: 'GET',
      path: PROVIDERS,
      run: () =>
        Promise.all(
          providers
            .names()
            .map(async (name) => ({ provider: name, status: (await providers.status(name)).health })),
        ),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.create',
      method: 'POST',
      path: PROVIDERS,
      body: providerCreateSpec,
      run: ({ body }) => providers.create(body),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.get',
      method: 'GET',
      path: `${PROVIDERS}/:provider`,
      run: (request) => providers.info(named(request)),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.update',
      method: 'PATCH',
      path: `${PROVIDERS}/:provider`,
      body: providerUpdateSpec,
      run: (request) => providers.update(named(request), request.body),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.delete',
      method: 'DELETE',
      path: `${PROVIDERS}/:provider`,
      run: (request) => providers.remove(named(request)),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.credential.set',
      method: 'PUT',
      path: `${PROVIDERS}/:provider/credential`,
      body: credentialSpec,
      run: (request) => providers.setCredential(named(request), request.body.password),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.status.get',
      method: 'GET',
      path: `${PROVIDERS}/:provider/status`,
      run: (request) => providers.status(named(request)),
    }),
  ];
}

function certificateOperations({ providers }: KmsRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  const clientCertificate = `${PROVIDERS}/:provider/client-certificate`;
  const serverCertificates = `${PROVIDERS}/:provider/server-certificates`;
  return [
    operation({
      ...administrator,
      name: 'kms.providers.client_certificate.get',
      method: 'GET',
      path: clientCertificate,
      run: async (request) => ({ certificate: await providers.clientCertificate(named(request)) }),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.client_certificate.create',
      method: 'POST',
      path: clientCertificate,
      status: 201,
      run: async (request) => ({ certificate: await providers.createClientCertificate(named(request)) }),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.client_certificate.update',
      method: 'PUT',
      path: clientCertificate,
      body: clientCertificateSpec,
      run: (request) =>
        providers.setClientCertificate(named(request), request.body.certificate, request.body.private_key),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.client_certificate.csr.create',
      method: 'POST',
      path: `${clientCertificate}/csr`,
      status: 201,
      run: async (request) => ({ csr: await providers.createClientCertificateCsr(named(request)) }),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.client_certificate.csr.get',
      method: 'GET',
      path: `${clientCertificate}/csr`,
      run: (request) => ({ csr: providers.clientCertificateCsr(named(request)) }),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.server_certificates.get',
      method: 'GET',
      path: serverCertificates,
      run: (request) => ({ certificates: providers.get(named(request)).serverCertificates }),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.providers.server_certificates.update',
      method: 'PUT',
      path: serverCertificates,
      body: serverCertificatesSpec,
      run: (request) => providers.setServerCertificates(named(request), request.body.certificates),
    }),
    operation({
      ...administrator,
      name: 'kms.providers.server_certificates.remote',
      method: 'GET',
      path: `${serverCertificates}/remote`,
      run: (request) => providers.remoteServerCertificates(named(request)),
    }),
  ];
}

function issuerOperations({ issuers }: KmsRooms): Operation[] {
  const administrator = { access: 'administrator' } as const;
  return [
    operation({
      ...administrator,
      name: 'kms.attestation_services.list',
      method: 'GET',
      path: ATTESTATION_SERVICES,
      run: () => issuers.list(),
    }),
    jsonOperation({
      ...administrator,
      name: 'kms.attestation_services.create',
      method: 'POST',
      path: ATTESTATION_SERVICES,
      status: 201,
      body: attestationServiceSpec,
      run: ({ body }) => issuers.register(body),
    }),
    operation({
      ...administrator,
      name: 'kms.attestation_services.delete',
      method: 'DELETE',
      path: `${ATTESTATION_SERVICES}/:service`,
      run: ({ parameters }) => issuers.remove(parameters.service ?? ''),
    }),
  ];
}

function serviceOperations(rooms: KmsRooms): Operation[] {
  return [
    operation({
      name: 'kms.status.get',
      method: 'GET',
      path: `${ROOT}/status`,
      access: 'client',
      run: () => kmsStatus(rooms),
    }),
  ];
}

function named({ parameters }: OperationRequest): string {
  return parameters.provider ?? '';
}

/** Health of the service: an error if no provider works, a warning if some do not. */
async function kmsStatus({ providers }: KmsRooms): Promise<ServiceStatus> {
  const names = providers.names();
  if (names.length === 0) return { health: 'NONE', details: [] };
  const statuses = await Promise.all(names.map((name) => providers.status(name)));
  const details = statuses.flatMap((status) => status.details);
  const broken = statuses.filter(({ health }) => health !== 'OK').length;
  if (broken === 0) return { health: 'OK', details };
  return { health: broken === names.length ? 'ERROR' : 'WARNING', details };
}

/** An answer whose key does not open: the tag of the JWE is another. */
function corruptedKey(answer: unknown): unknown {
  const { plaintext: jwe, ...rest } = answer as { plaintext: string };
  const at = jwe.lastIndexOf('.') + 1;
  return { ...rest, plaintext: jwe.slice(0, at) + (jwe[at] === 'A' ? 'B' : 'A') + jwe.slice(at + 1) };
}
