import { HostAgentClient } from '../host-agent/client.js';
import { textOf } from './text-file.js';

export type { AttestationExplanation, HostAgentClient } from '../host-agent/client.js';

/** A host agent's client as files describe it, those that `kpsim certs` writes for example. */
export interface HostClientFiles {
  /** `https://host:port` of the management listener. */
  readonly baseUrl: string;
  readonly certificatePath: string;
  readonly privateKeyPath: string;
  /** Certificate of the host's authority. */
  readonly caPath: string;
  readonly timeoutMs: number;
}

/** Reads the files of a host agent's client. @throws KpsimError `file_unreadable` naming the file */
export async function hostClientOf(files: HostClientFiles): Promise<HostAgentClient> {
  const { baseUrl, certificatePath, privateKeyPath, caPath, timeoutMs } = files;
  const [certificatePem = '', privateKeyPem = '', caPem = ''] = await Promise.all(
    [certificatePath, privateKeyPath, caPath].map(textOf),
  );
  return new HostAgentClient({
    baseUrl,
    caPem,
    clientCertificate: { certificatePem, privateKeyPem },
    timeoutMs,
  });
}
