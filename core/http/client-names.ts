import type { X509Certificate } from 'node:crypto';

import type { RequestHandler, Request } from 'express';

import { commonNameOf } from '../pki/certificate.js';
import { clientCertificateOf } from './https-server.js';
import { VapiError } from './vapi-error.js';

/** Names of certificates that were asked for; a connection keeps its certificate. */
const names = new WeakMap<X509Certificate, string>();

/** The common name of a request's verified client certificate; undefined without one. */
export function clientNameOf(request: Request): string | undefined {
  const certificate = clientCertificateOf(request);
  if (!certificate) return undefined;
  const name = names.get(certificate) ?? commonNameOf(certificate);
  if (name !== undefined) names.set(certificate, name);
  return name;
}

/**
 * Lets only clients in whose verified certificate has one of the common names given.
 *
 * Answers `UNAUTHENTICATED` without a certificate, `UNAUTHORIZED` for any other name.
 */
export function requireClientNamed(names: readonly string[]): RequestHandler {
  const allowed = new Set(names);
  return (request, _response, next) => {
    const name = clientNameOf(request);
    if (name === undefined) {
      throw new VapiError(
        'UNAUTHENTICATED',
        'This call needs a client certificate that this service trusts.',
        {
          challenge: 'ClientCertificate',
        },
      );
    }
    if (!allowed.has(name)) {
      throw new VapiError(
        'UNAUTHORIZED',
        `The client ${JSON.stringify(name)} may not make this call. Use the certificate of one of: ${names.join(', ')}.`,
      );
    }
    next();
  };
}
