import { validate } from '../../core/http/index.js';
import * as schemas from './schemas.js';
import type { RestRow } from './rest.js';
import { pathParameter } from './rest.js';

const HOST = '/api/kpsim/host';
const TRUSTED = '/api/esx/trusted-infrastructure';

/** Calls on the host itself: identity, crypto mode, keys, providers, attestation. */
export const HOST_ROWS: readonly RestRow[] = [
  { method: 'get', path: `${HOST}/about`, operation: 'About', handle: (host) => host.about() },
  { method: 'post', path: HOST, action: 'reboot', operation: 'Reboot', handle: (host) => host.reboot() },
  {
    method: 'post',
    path: HOST,
    action: 'patch',
    operation: 'Patch',
    handle: (host, { body }) => host.platform.patch(validate(schemas.patchSchema, body)),
  },
  { method: 'get', path: `${HOST}/crypto`, operation: 'GetCryptoMode', handle: (host) => host.mode.mode },
  {
    method: 'post',
    path: `${HOST}/crypto`,
    action: 'key-status',
    operation: 'GetCryptoKeyStatus',
    handle: (host, { body }) => host.keys.status(validate(schemas.keyStatusSchema, body).keys),
  },
  {
    method: 'put',
    path: `${HOST}/key-servers/:provider`,
    operation: 'SetKeyServers',
    handle: (host, request) =>
      host.providers.setKeyServers(
        pathParameter(request, 'provider'),
        validate(schemas.keyServersSchema, request.body),
      ),
  },
  {
    method: 'delete',
    path: `${HOST}/key-servers/:provider`,
    operation: 'RemoveKeyServers',
    handle: (host, request) => host.providers.removeKeyServers(pathParameter(request, 'provider')),
  },
  {
    method: 'get',
    path: `${TRUSTED}/kms/providers`,
    operation: 'ListProviders',
    handle: (host) => host.providers.list(),
  },
  {
    method: 'post',
    path: `${TRUSTED}/kms/providers`,
    operation: 'SetNativeProvider',
    handle: (host, { body }) => host.providers.setNative(validate(schemas.nativeProviderSchema, body)),
  },
  {
    method: 'delete',
    path: `${TRUSTED}/kms/providers/:provider`,
    operation: 'RemoveNativeProvider',
    handle: (host, request) => host.providers.removeNative(pathParameter(request, 'provider')),
  },
  {
    method: 'get',
    path: `${TRUSTED}/:kind/services`,
    operation: 'ListTrustedServices',
    handle: (host, request) => host.providers.listServices(kindOf(request)),
  },
  {
    method: 'post',
    path: `${TRUSTED}/:kind/services`,
    operation: 'AddTrustedService',
    handle: (host, request) =>
      host.providers.addService(kindOf(request), validate(schemas.esxTrustedServiceSchema, request.body)),
  },
  {
    method: 'delete',
    path: `${TRUSTED}/:kind/services/:service`,
    operation: 'RemoveTrustedService',
    handle: (host, request) =>
      host.providers.removeService(kindOf(request), pathParameter(request, 'service')),
  },
  {
    method: 'get',
    path: `${HOST}/trusted-services`,
    operation: 'GetTrustedServices',
    handle: (host) => host.providers.trusted,
  },
  {
    method: 'put',
    path: `${HOST}/trusted-services`,
    operation: 'SetTrustedServices',
    handle: (host, { body }) => host.providers.setTrusted(validate(schemas.trustedServicesSchema, body)),
  },
  {
    method: 'get',
    path: `${HOST}/attestation`,
    operation: 'GetAttestation',
    handle: (host) => host.attestor.info(),
  },
  {
    method: 'post',
    path: `${HOST}/attestation`,
    action: 'attest',
    operation: 'Attest',
    handle: (host, { body }) => host.attest(validate(schemas.attestSchema, body).force ?? false),
  },
  {
    method: 'post',
    path: `${HOST}/attestation`,
    action: 'explain',
    operation: 'ExplainAttestation',
    handle: (host) => host.attestor.explain(),
  },
  {
    method: 'get',
    path: `${HOST}/attestation/report`,
    operation: 'GetAttestationReport',
    handle: (host, { query }) =>
      host.attestor.report(
        validate(schemas.attestationReportQuerySchema, query, 'The query').documents === 'true',
      ),
  },
  {
    method: 'get',
    path: `${HOST}/attestation/faults`,
    operation: 'GetEvidenceFaults',
    handle: (host) => host.platform.evidenceFaults(),
  },
  {
    method: 'get',
    path: `${HOST}/attestation/faults/running-boot`,
    operation: 'GetBootFaults',
    handle: (host) => host.platform.bootFaults(),
  },
  {
    method: 'put',
    path: `${HOST}/attestation/faults`,
    operation: 'SetEvidenceFaults',
    handle: (host, { body }) =>
      host.platform.setEvidenceFaults(validate(schemas.evidenceFaultsSchema, body).names),
  },
  {
    method: 'get',
    path: `${HOST}/tpm/endorsement`,
    operation: 'GetTpmEndorsement',
    handle: (host) => host.platform.endorsement(),
  },
  {
    method: 'get',
    path: `${HOST}/tpm/event-log`,
    operation: 'GetTpmEventLog',
    handle: (host) => host.platform.eventLog(),
  },
  {
    method: 'get',
    path: `${HOST}/boot-imgdb.tgz`,
    operation: 'GetBootImgdb',
    handle: (host) => host.platform.bootImgdb(),
  },
];

function kindOf(request: Parameters<RestRow['handle']>[1]): 'attestation' | 'kms' {
  return validate(schemas.trustedServiceKindSchema, pathParameter(request, 'kind'), 'The path');
}
