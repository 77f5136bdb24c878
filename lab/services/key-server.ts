import type { Endpoint } from '../../core/lifecycle.js';
import type { KmipClient as Client } from '../../kms/index.js';
import { KmipClient, KmsService, kmsConfigSchema } from '../../kms/index.js';
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
    const config = kmsConfigSchema.parse({
      ...(await ground.common(spec.name)),
      port: ground.port(spec.name, 'kmip', spec.port),
      credentials: spec.credentials,
    });
    const endpoint = await ground.start(new KmsService(config, await ground.contextOf(spec.name)));
    return new LabKeyServer(spec.name, endpoint('kmip'), ground);
  }

  /** A KMIP client of this server, known by `commonName`; it is closed when the lab stops. */
  async client(commonName?: string): Promise<Client> {
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
