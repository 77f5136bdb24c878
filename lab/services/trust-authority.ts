import type { Endpoint } from '../../core/lifecycle.js';
import { AttestationClient, KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { ClusterMember } from '../../trust-authority/client.js';
import { TrustAuthorityService, trustAuthorityConfig } from '../../trust-authority/index.js';
import type { Ground } from '../ground.js';
import { LAB_ADMINISTRATOR } from '../ground.js';
import type { TrustAuthoritySpec } from '../topology/index.js';

/** A Trust Authority of a lab: its attestation service and its key provider service. */
export class LabTrustAuthority {
  readonly name: string;
  readonly group: string;
  readonly attestationEndpoint: Endpoint;
  readonly keyProviderEndpoint: Endpoint;
  readonly #service: TrustAuthorityService;
  readonly #ground: Ground;

  private constructor(
    spec: TrustAuthoritySpec,
    service: TrustAuthorityService,
    endpoint: (name: string) => Endpoint,
    ground: Ground,
  ) {
    this.#service = service;
    this.name = spec.name;
    this.group = spec.group;
    this.attestationEndpoint = endpoint('attestation');
    this.keyProviderEndpoint = endpoint('kms');
    this.#ground = ground;
  }

  /**
   * Starts both services.
   *
   * @param vcenters those of whose Trust Authority clusters it is a part: they administrate it
   */
  static async start(
    spec: TrustAuthoritySpec,
    ground: Ground,
    vcenters: readonly string[] = [],
  ): Promise<LabTrustAuthority> {
    const { name, group, tokenLifetimeSeconds } = spec;
    const config = trustAuthorityConfig.parse({
      ...(await ground.common(name)),
      group,
      administrators: [LAB_ADMINISTRATOR, ...vcenters],
      attestation: { port: ground.port(name, 'attestation', spec.attestationPort), tokenLifetimeSeconds },
      kms: { port: ground.port(name, 'kms', spec.keyProviderPort) },
    });
    const service = new TrustAuthorityService(config, await ground.contextOf(name));
    return new LabTrustAuthority(spec, service, await ground.start(service), ground);
  }

  /** Stops both services, as an outage does. */
  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** How other Trust Authorities of its cluster know it: by its certificate. */
  async asMember(): Promise<ClusterMember> {
    const { host: hostname, port } = this.attestationEndpoint;
    const { certificatePem } = await this.#ground.certificates.server(this.name, this.#ground.host);
    return { address: { hostname, port }, certificate: certificatePem };
  }

  /** A client of the attestation service; it is closed when the lab stops. */
  async attestation(commonName?: string): Promise<AttestationClient> {
    return this.#ground.keep(
      new AttestationClient(await this.#options(this.attestationEndpoint, commonName)),
    );
  }

  /** A client of the key provider service; it is closed when the lab stops. */
  async keyProviderService(commonName?: string): Promise<KeyProviderServiceClient> {
    return this.#ground.keep(
      new KeyProviderServiceClient(await this.#options(this.keyProviderEndpoint, commonName)),
    );
  }

  async #options(
    { url }: Endpoint,
    commonName?: string,
  ): Promise<ConstructorParameters<typeof AttestationClient>[0]> {
    return {
      baseUrl: url,
      caPem: this.#ground.certificates.caPem,
      clientCertificate: await this.#ground.clientCertificate(commonName),
    };
  }
}
