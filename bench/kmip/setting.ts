import type { PemFiles } from './certificates.js';
import type { LoadGenerator } from './load-generator.js';
import type { FramingName, TargetOptions } from './load-protocol.js';
import type { RunningServer } from './servers.js';

/** What every measurement is given. */
export interface Setting {
  /** An empty directory of its own, on disk. */
  readonly directory: string;
  readonly certificates: { readonly server: PemFiles; readonly client: PemFiles };
  readonly load: LoadGenerator;
  /** Fewer and shorter rounds. */
  readonly quick: boolean;
}

/** Connections of the load generator to each server. */
const CONNECTIONS = 16;

/** Opens the load generator's connections to a server. */
export async function loadOn(
  { load, certificates }: Setting,
  target: string,
  { port }: Pick<RunningServer, 'port'>,
  tlsVersion: TargetOptions['tlsVersion'] = 'TLSv1.3',
  framing: FramingName = 'ttlv',
): Promise<void> {
  await load.connect(target, {
    host: '127.0.0.1',
    port,
    tlsVersion,
    connections: CONNECTIONS,
    framing,
    ...certificates.client,
  });
}
