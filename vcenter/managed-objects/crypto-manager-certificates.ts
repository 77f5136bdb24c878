import { KpsimError } from '../../core/errors.js';
import { certificateThumbprintSha256, parsePemChain } from '../../core/pki/index.js';
import type { MethodHandlers } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import {
  certificateInfo,
  identityOf,
  newSelfSignedIdentity,
  newSigningRequest,
} from '../key-providers/client-identity.js';
import { showServerCertificate } from '../key-providers/server-certificate.js';
import type { Caller } from './caller.js';

/** CryptoManagerKmip: how this vCenter and the key servers come to trust each other. */
export const KMIP_CERTIFICATE_METHODS: MethodHandlers<Caller, 'CryptoManagerKmip'> = {
  async GenerateSelfSignedClientCert({ vcenter }, _self, { cluster, request }) {
    const pendingSelfSigned = await newSelfSignedIdentity(vcenter.context.clock, request);
    await vcenter.providers.updateStandard(cluster.id, (record) => ({ ...record, pendingSelfSigned }));
    return pendingSelfSigned.certificatePem;
  },
  RetrieveSelfSignedClientCert({ vcenter }, _self, { cluster }) {
    const { pendingSelfSigned, identity } = vcenter.providers.requireStandard(cluster.id).record;
    return (pendingSelfSigned ?? identity).certificatePem;
  },
  async UpdateSelfSignedClientCert({ vcenter }, _self, { cluster, certificate }) {
    const { pendingSelfSigned, identity: current } = vcenter.providers.requireStandard(cluster.id).record;
    const { privateKeyPem } = pendingSelfSigned ?? current;
    const identity = identityOf(certificate, privateKeyPem);
    await vcenter.providers.updateStandard(cluster.id, ({ pendingSelfSigned: _, ...record }) => ({
      ...record,
      identity,
    }));
    return undefined;
  },
  async GenerateClientCsr({ vcenter }, _self, { cluster, request }) {
    const pendingRequest = await newSigningRequest(vcenter.context.clock, request);
    await vcenter.providers.updateStandard(cluster.id, (record) => ({ ...record, pendingRequest }));
    return pendingRequest.requestPem;
  },
  RetrieveClientCsr({ vcenter }, _self, { cluster }) {
    const { pendingRequest } = vcenter.providers.requireStandard(cluster.id).record;
    if (pendingRequest) return pendingRequest.requestPem;
    throw new VimFault('InvalidState', 'There is no request; make one with GenerateClientCsr.');
  },
  async UpdateKmsSignedCsrClientCert({ vcenter }, _self, { cluster, certificate }) {
    const { pendingRequest } = vcenter.providers.requireStandard(cluster.id).record;
    if (!pendingRequest) {
      throw new VimFault(
        'InvalidState',
        'No certificate was asked for; make a request with GenerateClientCsr.',
      );
    }
    const identity = identityOf(certificate, pendingRequest.privateKeyPem);
    await vcenter.providers.updateStandard(cluster.id, ({ pendingRequest: _, ...record }) => ({
      ...record,
      identity,
    }));
    return undefined;
  },
  async UploadClientCert({ vcenter }, _self, { cluster, certificate, privateKey }) {
    const identity = identityOf(certificate, privateKey);
    await vcenter.providers.updateStandard(cluster.id, (record) => ({ ...record, identity }));
    return undefined;
  },
  RetrieveClientCert: ({ vcenter }, _self, { cluster }) =>
    vcenter.providers.requireStandard(cluster.id).record.identity.certificatePem,
  async UploadKmipServerCert({ vcenter }, _self, { cluster, certificate }) {
    const added = pemChain(certificate);
    await vcenter.providers.updateStandard(cluster.id, (record) => ({
      ...record,
      trustedCertificates: [...new Set([...record.trustedCertificates, ...added])].slice(-MOST_TRUSTED),
    }));
    return undefined;
  },
  async RetrieveKmipServerCert({ vcenter }, _self, { keyProvider, server }) {
    const { record } = vcenter.providers.requireStandard(keyProvider.id);
    const certificate = await showServerCertificate(server, record.identity);
    const thumbprint = certificateThumbprintSha256(certificate);
    return {
      _typeName: 'CryptoManagerKmipServerCertInfo',
      certificate,
      certInfo: certificateInfo(certificate, vcenter.context.clock),
      clientTrustServer: record.trustedCertificates.some(
        (trusted) => certificateThumbprintSha256(trusted) === thumbprint,
      ),
    };
  },
};

/** Trusted certificates kept of one provider; the oldest go. */
const MOST_TRUSTED = 32;

function pemChain(pem: string): readonly string[] {
  try {
    return parsePemChain(pem).map((certificate) => certificate.toString());
  } catch (error) {
    if (!(error instanceof KpsimError)) throw error;
    throw new VimFault('InvalidArgument', error.message, { fields: { invalidProperty: 'certificate' } });
  }
}
