import type { Surroundings } from './standalone.js';

/** Where the user finds a client certificate that the service accepts; nothing if the user brought certificates. */
export async function clientNotes(
  { certificates, dataDir }: Surroundings,
  client: string,
): Promise<readonly string[]> {
  if (!certificates) return [];
  const { caPath, certificatePath, privateKeyPath } = await certificates.client(client);
  return [
    `CA certificate      ${caPath}`,
    `Client certificate  ${certificatePath}`,
    `Client key          ${privateKeyPath}`,
    `More clients        kpsim certs --data ${dataDir} --name NAME`,
  ];
}
