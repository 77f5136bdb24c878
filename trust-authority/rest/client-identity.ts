import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

import { VapiError, clientCertificateOf } from '../../core/http/index.js';
import { certificateX5tS256, commonNameOf } from '../../core/pki/index.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { Access, ClientIdentity } from './operation.js';

/** Who has which right, besides the right of every client with a trusted certificate. */
export interface Rights {
  /** Common names of administrators' certificates. */
  readonly administrators: ReadonlySet<string>;
  /** Whether a certificate, told by its `x5t#S256`, is one of a service of the same cluster. */
  readonly isMember: (certificateSha256: string) => boolean;
}

/** Identities of connections, so that a certificate is parsed once a connection and not once a request. */
const identities = new WeakMap<TLSSocket, ClientIdentity>();

/** Who sent a request; undefined without a verified client certificate. */
export function clientIdentityOf(request: IncomingMessage): ClientIdentity | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = identities.get(socket);
  if (known) return known;
  const certificate = clientCertificateOf(request);
  if (!certificate) return undefined;
  const identity = {
    name: commonNameOf(certificate) ?? '',
    certificateSha256: certificateX5tS256(certificate),
  };
  identities.set(socket, identity);
  return identity;
}

/**
 * Lets a client in that may call operations with this access.
 *
 * @throws AttestationError `client_certificate_missing`, VapiError `UNAUTHORIZED`
 */
export function admitted(client: ClientIdentity | undefined, access: Access, rights: Rights): ClientIdentity {
  if (client === undefined) throw new AttestationError('client_certificate_missing');
  const refusal = CHECKS[access](client, rights);
  if (refusal !== undefined) throw new VapiError('UNAUTHORIZED', refusal);
  return client;
}

/** Why a client may not call operations with an access; undefined if it may. */
const CHECKS: Readonly<Record<Access, (client: ClientIdentity, rights: Rights) => string | undefined>> = {
  client: () => undefined,
  administrator: ({ name }, { administrators }) =>
    administrators.has(name)
      ? undefined
      : `The client ${JSON.stringify(name)} is no administrator of this service. Use the certificate of one, or add the name to administrators.`,
  member: ({ name, certificateSha256 }, { isMember }) =>
    isMember(certificateSha256)
      ? undefined
      : `The client ${JSON.stringify(name)} is no service of this cluster. Name its certificate in the member list of this service.`,
};
