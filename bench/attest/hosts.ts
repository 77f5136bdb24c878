import { fileURLToPath } from 'node:url';

import { LoadGenerator } from '../kmip/load-generator.js';
import type { Setting } from '../kmip/setting.js';

/** Hosts that attest at the same time; an attestation service takes so many of one client certificate. */
export const HOSTS = 8;

const SCRIPT = fileURLToPath(new URL('hosts-process.js', import.meta.url));

/** The process of the hosts, and of as many clients of the bare server. */
export function startHosts(): LoadGenerator {
  return new LoadGenerator(SCRIPT);
}

/** Names a server to the process of the hosts. */
export async function hostsOn(
  hosts: LoadGenerator,
  { certificates }: Setting,
  target: string,
  port: number,
): Promise<void> {
  await hosts.connect(target, {
    host: '127.0.0.1',
    port,
    tlsVersion: 'TLSv1.3',
    connections: HOSTS,
    framing: 'http',
    ...certificates.client,
  });
}
