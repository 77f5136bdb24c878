import { webcrypto } from 'node:crypto';

import { createApp, startHttpsServer } from '../../core/http/index.js';
import { certificateX5tS256 } from '../../core/pki/index.js';
import type { NetworkAddress } from '../../wire/attestation/index.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
import { signedAnew } from './token-forge.js';
import type { Stage } from './stage.js';

/**
 * An attestation service that went bad: it is one of the group, its signing certificate can be fetched over verified
 * TLS as any other's, but it signs whatever it is asked to.
 */
export interface RogueIssuer {
  readonly address: NetworkAddress;
  /** Signs the claims of a token with changes. */
  sign(token: string, changes: Readonly<Record<string, unknown>>): Promise<string>;
  close(): Promise<void>;
}

const NAME = 'rogue-1';

/** Starts one. */
export async function startRogueIssuer({ ground }: Stage): Promise<RogueIssuer> {
  const { authority } = ground.certificates;
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const certificate = authority.issueFor(pair.publicKey, { commonName: NAME }).toString();
  const app = createApp();
  app.get('/api/esx/attestation/certificate', (_request, response) => {
    response.json({ cert_chain: [certificate] });
  });
  const { tls, trustedCaPem } = await ground.common(NAME);
  const server = await startHttpsServer({
    app,
    host: ground.host,
    port: 0,
    tls: { ...tls, clientCaPem: trustedCaPem, requestClientCertificate: 'required' },
  });
  const signer = { kid: certificateX5tS256(certificate), privateKey: pair.privateKey };
  return {
    address: networkAddressOf(server.url),
    sign: (token, changes) => signedAnew(token, { ...changes, iss: server.url }, signer),
    close: () => server.close(),
  };
}
