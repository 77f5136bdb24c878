import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { writeFileDurable } from '../../core/data-dir.js';
import { KpsimError } from '../../core/errors.js';
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
    const endpoint = await ground.start(service).catch((error: unknown) => {
      throw spec.database ? foreignSchema(error, spec.database.schema, ground) : error;
    });
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

const CLUSTER_KEY = 'key-server-cluster.key';

/** The one made at a lab's first start; its key servers, which start at the same time, wait for it together. */
const clusterKeyFiles = new WeakMap<Ground, Promise<string>>();

/** File with the key that clustered key servers of a lab seal with at rest. */
function clusterKeyFile(ground: Ground): Promise<string> {
  let path = clusterKeyFiles.get(ground);
  if (!path) {
    path = makeClusterKey(join(ground.dataDir, CLUSTER_KEY));
    clusterKeyFiles.set(ground, path);
  }
  return path;
}

async function makeClusterKey(path: string): Promise<string> {
  if (!existsSync(path)) await writeFileDurable(path, randomKeyBytes(32));
  return path;
}

/** What to do about a database that this lab's key does not open, which every start without a data directory makes anew. */
function foreignSchema(error: unknown, schema: string, { dataDir }: Ground): unknown {
  if (!(error instanceof KpsimError) || error.code !== 'store_key_invalid') return error;
  return new KpsimError(
    error.code,
    `${error.message} In a lab that is ${join(dataDir, CLUSTER_KEY)}: start it with the data directory that it had when the schema was made (--data DIR), name another schema, or empty this one (DROP SCHEMA ${schema} CASCADE).`,
    { cause: error },
  );
}
