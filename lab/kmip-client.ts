import { KpsimError } from '../core/errors.js';
import { isPrivateKeyOf, parsePemChain } from '../core/pki/index.js';
import type { KmipClientOptions } from '../kms/client.js';
import { KmipClient } from '../kms/client.js';
import { textOf } from './text-file.js';

export type { AttributeInput, KmipClient } from '../kms/client.js';

/** A KMIP client as files describe it, those that `kpsim certs` writes for example. */
export interface KmipClientFiles extends Pick<
  KmipClientOptions,
  'servers' | 'protocolVersion' | 'timeoutMs' | 'https'
> {
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  /** Certificate of the servers' authority. */
  readonly caPath: string;
  readonly username?: string | undefined;
  /** A file that holds the password and nothing else; a line break at its end does not count. */
  readonly passwordPath?: string | undefined;
}

/**
 * Reads the files of a KMIP client.
 *
 * @throws KpsimError `file_unreadable` naming the file, `certificate_invalid`, `private_key_mismatch`
 */
export async function kmipClientOf(files: KmipClientFiles): Promise<KmipClient> {
  const { certificatePath, privateKeyPath, caPath, username, passwordPath, ...options } = files;
  const [certificatePem = '', privateKeyPem = '', caPem] = await Promise.all(
    [certificatePath, privateKeyPath, caPath].map(textOf),
  );
  const [certificate] = parsePemChain(certificatePem);
  if (!certificate || !isPrivateKeyOf(privateKeyPem, certificate)) {
    throw new KpsimError(
      'private_key_mismatch',
      `${privateKeyPath} is not the private key of the certificate ${certificatePath}. Give a certificate and the key that was made with it.`,
    );
  }
  const password =
    passwordPath === undefined ? undefined : (await textOf(passwordPath)).replace(/\r?\n$/, '');
  return new KmipClient({
    ...options,
    tls: { certificatePem, privateKeyPem, caPem },
    credential: username === undefined ? undefined : { username, password },
  });
}
