import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { writeFileDurable } from '../../core/data-dir.js';
import type { Endpoint } from '../../core/lifecycle.js';
import { randomKeyBytes } from '../../core/secret.js';
import { KmipClient } from '../../kms/client.js';
import { KmsService, kmsConfigSchema } from '../../kms/index.js';
import type { Ground } from '../ground.js';
import type { KeyServerSpec } from '../topology/index.js';

/** A KMIP key server of a lab. */
export class LabKeyServer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly #ground: Ground;

  private constructor(name: string, endpoint: Endpoint, ground: Ground) {
    this.name = name;
    this.endpoint = endpoint;
    this.#ground = ground;
  }

  /** Starts it; its clients show a certificate of the lab's authority. */
  static async start(spec: KeyServerSpec, ground: Ground): Promise<LabKeyServer> {
    const common = await ground.common(spec.name);
    const config = kmsConfigSchema.parse({
      ...common,
      port: ground.port(spec.name, 'kmip', spec.port),
      credentials: spec.credentials,
      store: spec.database && {
        kind: 'postgresql',
        ...spec.database,
        atRestKeyFile: await clusterKeyFile(ground),
      },
    });
    const { authority } = ground.certificates;
    const service = new KmsService(config, await ground.contextOf(spec.name), () =>
      authority.expiredTwin(common.tls.certificatePem),
    );
    const endpoint = await ground.start(service);
    return new LabKeyServer(spec.name, endpoint('kmip'), ground);
  }

  /** A KMIP client of this server, known by `commonName`; it is closed when the lab stops. */
  async client(commonName?: string): Promise<KmipClient> {
    const { certificatePem, privateKeyPem } = await this.#ground.clientCertificate(commonName);
    const { host, port } = this.endpoint;
    return this.#ground.keep(
      new KmipClient({
        servers: [{ host, port }],
        tls: { certificatePem, privateKeyPem, caPem: this.#ground.certificates.caPem },
      }),
    );
  }
}

/** The one made at a lab's first start; its key servers, which start at the same time, wait for it together. */
const clusterKeyFiles = new WeakMap<Ground, Promise<string>>();

/** File with the key that clustered key servers of a lab seal with at rest. */
function clusterKeyFile(ground: Ground): Promise<string> {
  let path = clusterKeyFiles.get(ground);
  if (!path) {
    path = makeClusterKey(join(ground.dataDir, 'key-server-cluster.key'));
    clusterKeyFiles.set(ground, path);
  }
  return path;
}

async function makeClusterKey(path: string): Promise<string> {
  if (!existsSync(path)) await writeFileDurable(path, randomKeyBytes(32));
  return path;
}
