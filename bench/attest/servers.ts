import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { PemFiles } from '../kmip/certificates.js';
import { ServerProcess } from '../kmip/server-process.js';

const KPSIM = fileURLToPath(new URL('../../bin/kpsim.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare-server.js', import.meta.url));
const READY = /^Ready\./;

/** Common name of the client that loads, as `makeCertificates` gives it. */
const CLIENT_NAME = 'benchmark';

/** `kpsim trust-authority` that is ready, and on which ports its two services are. */
export interface RunningTrustAuthority {
  readonly server: ServerProcess;
  readonly attestationPort: number;
  readonly keyProviderPort: number;
}

/** `kpsim trust-authority` with certificates of the benchmark; the client that loads may administrate. */
export async function startTrustAuthority(
  directory: string,
  files: PemFiles,
): Promise<RunningTrustAuthority> {
  // JSON is YAML.
  const config = join(directory, 'trust-authority.yaml');
  await writeFile(config, JSON.stringify({ administrators: [CLIENT_NAME] }));
  const args = ['trust-authority', '--config', config, '--data', join(directory, 'trust-authority')];
  const tls = ['--tls-certificate', files.certificatePath, '--tls-private-key', files.privateKeyPath];
  const server = await ServerProcess.start(
    process.execPath,
    // With `node --cpu-prof` for the benchmark, the service is profiled too.
    [...process.execArgv, KPSIM, ...args, ...tls, '--tls-trusted-ca', files.caPath],
    READY,
  );
  return {
    server,
    attestationPort: portOf(server.readyLine, 'attestation'),
    keyProviderPort: portOf(server.readyLine, 'kms'),
  };
}

/** The bare server. @param answers what it answers at `/0`, `/1` and so on */
export async function startBare(
  directory: string,
  answers: readonly string[],
  files: PemFiles,
): Promise<{ readonly server: ServerProcess; readonly port: number }> {
  const path = join(directory, 'answers.json');
  await writeFile(path, JSON.stringify(answers));
  const tls = [files.caPath, files.certificatePath, files.privateKeyPath];
  const server = await ServerProcess.start(process.execPath, [BARE, path, ...tls], READY);
  return { server, port: portOf(server.readyLine, 'bare') };
}

function portOf(line: string, name: string): number {
  const port = Number(new RegExp(`\\b${name} https://[^:]+:(\\d+)`).exec(line)?.[1]);
  if (!Number.isInteger(port)) throw new Error(`no port of ${name} in the line: ${line}`);
  return port;
}
