import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';

/** PEM files of one end of a TLS connection. */
export interface PemFiles {
  readonly caPath: string;
  readonly certificatePath: string;
  readonly privateKeyPath: string;
}

/** Certificates for all servers and for the load generator: ECDSA P-256, from one authority. */
export async function makeCertificates(
  directory: string,
): Promise<{ readonly server: PemFiles; readonly client: PemFiles }> {
  const authority = await CertificateAuthority.create({ commonName: 'benchmark CA' });
  const caPath = join(directory, 'ca.pem');
  await writeFile(caPath, authority.caPem);
  const files = async (name: string, made: KeyAndCertificate): Promise<PemFiles> => {
    const certificatePath = join(directory, `${name}.pem`);
    const privateKeyPath = join(directory, `${name}.key`);
    await writeFile(certificatePath, made.chainPem);
    await writeFile(privateKeyPath, made.privateKeyPem, { mode: 0o600 });
    return { caPath, certificatePath, privateKeyPath };
  };
  return {
    server: await files(
      'server',
      await authority.issueServer({ commonName: 'localhost', ipAddresses: ['127.0.0.1'] }),
    ),
    client: await files('client', await authority.issueClient({ commonName: 'benchmark' })),
  };
}
