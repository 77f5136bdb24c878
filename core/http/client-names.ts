import type { RequestHandler, Request } from 'express';

import { commonNameOf } from '../pki/certificate.js';
import { clientCertificateOf } from './https-server.js';
import { VapiError } from './vapi-error.js';

/** The common name of a request's verified client certificate; undefined without one. */
export function clientNameOf(request: Request): string | undefined {
  const certificate = clientCertificateOf(request);
  return certificate && commonNameOf(certificate);
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
