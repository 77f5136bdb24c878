import type { Endpoint } from '../../core/lifecycle.js';
import { Exclusive } from '../../host-agent/vm/exclusive.js';
import type { AttestationReport } from '../../host-agent/client.js';
import type { EvidenceFaultDescription, PlatformParts, TpmKind } from '../../host-agent/index.js';
import {
  EVIDENCE_FAULTS,
  HostAgentClient,
  HostAgentService,
  MANAGEMENT_ENDPOINT,
  TPM_ENDPOINT,
  VMOTION_ENDPOINT,
  hostAgentConfigSchema,
} from '../../host-agent/index.js';
import type { Ground } from '../ground.js';
import { LAB_ADMINISTRATOR } from '../ground.js';
import { authoritiesOf } from '../topology/index.js';
import type { HostAddress, HostSpec, PlacedHost } from '../topology/index.js';
import { nativeKpNameOf } from './native-kp.js';

/** When a change of evidence faults shows: with the next boot of the host, or with its next attestation. */
export type Bites = EvidenceFaultDescription['bites'];

/** The kind of TPM that a topology asks for. */
function tpmOf({ tpm }: HostSpec): 'none' | TpmKind {
  if (typeof tpm === 'string') return tpm;
  return tpm ? 'software' : 'none';
}

/** An ESXi-like host of a lab. */
export class LabHost {
  readonly name: string;
  /** The vCenter that manages it. */
  readonly vcenter: string;
  /** Its cluster; undefined for a standalone host. */
  readonly cluster: string | undefined;
  /** The Trust Authorities that it attests to, in their order; none outside of trusted clusters. */
  readonly trustAuthorities: readonly string[];
  readonly endpoint: Endpoint;
  readonly vmotionEndpoint: Endpoint;
  /** Whether it has a TPM, and so evidence that can be broken. */
  readonly hasTpm: boolean;
  readonly #ground: Ground;
  readonly #faultChanges = new Exclusive();
  readonly #service: HostAgentService;
  #administrator: HostAgentClient | undefined;

  private constructor(
    placed: PlacedHost,
    service: HostAgentService,
    endpoint: (name: string) => Endpoint,
    ground: Ground,
  ) {
    this.hasTpm = tpmOf(placed.spec) !== 'none';
    this.#service = service;
    this.name = placed.spec.name;
    this.vcenter = placed.vcenter.name;
    this.cluster = placed.cluster?.name;
    this.trustAuthorities = authoritiesOf(placed.cluster ?? {});
    this.endpoint = endpoint(MANAGEMENT_ENDPOINT);
    this.vmotionEndpoint = endpoint(VMOTION_ENDPOINT);
    this.#ground = ground;
  }

  /**
   * Boots it.
   *
   * @param parts what the hosts of the lab share: the maker of their TPMs
   * @param vmotionAddress what it advertises in place of its vMotion listener
   */
  static async start(
    placed: PlacedHost,
    ground: Ground,
    parts: PlatformParts,
    vmotionAddress?: HostAddress,
  ): Promise<LabHost> {
    const { spec, vcenter } = placed;
    const config = hostAgentConfigSchema.parse({
      ...(await ground.common(spec.name)),
      version: spec.version,
      port: ground.port(spec.name, MANAGEMENT_ENDPOINT, spec.port),
      vmotionPort: ground.port(spec.name, VMOTION_ENDPOINT, spec.vmotionPort),
      vmotionAddress,
      tpm: tpmOf(spec),
      tpmPort: spec.tpmPort === undefined ? undefined : ground.port(spec.name, TPM_ENDPOINT, spec.tpmPort),
      ekAlgorithm: spec.ekAlgorithm,
      secureBoot: spec.secureBoot,
      attestationFaults: spec.attestationFaults,
      datastores: spec.datastores,
      administrators: [vcenter.name, nativeKpNameOf(vcenter.name), LAB_ADMINISTRATOR],
    });
    const service = new HostAgentService(config, await ground.contextOf(spec.name), parts);
    return new LabHost(placed, service, await ground.start(service), ground);
  }

  /** The administrator's client; the same one every time. */
  async client(): Promise<HostAgentClient> {
    return (this.#administrator ??= await this.clientAs(LAB_ADMINISTRATOR));
  }

  /**
   * Names of the faults that break this host's evidence. Not asked over the host's API: to look is no request, and
   * does not belong into its journal.
   *
   * @throws VapiError `UNSUPPORTED` without a TPM
   */
  async evidenceFaults(): Promise<readonly string[]> {
    return Promise.resolve(this.#service.evidenceFaults());
  }

  /**
   * Breaks the host's evidence by one more fault of `EVIDENCE_FAULTS`. Those that bite at boot do so at the next
   * reboot, all others with the next attestation; one that strikes once strikes once more if it is injected again.
   *
   * @returns when it bites: `boot` asks for {@link reboot} first
   * @throws VapiError `INVALID_ARGUMENT` for a fault that there is not, `UNSUPPORTED` without a TPM
   */
  async injectEvidenceFault(name: string): Promise<Bites> {
    await this.#withFaults(async (client, names) => {
      const others = names.filter((one) => one !== name);
      if (others.length < names.length) await client.setEvidenceFaults(others);
      await client.setEvidenceFaults([...others, name]);
    });
    return EVIDENCE_FAULTS.find((row) => row.name === name)?.bites ?? 'attestation';
  }

  /**
   * Clears a fault, or all of them.
   *
   * @returns when that bites: `boot` if the running boot has the fault until {@link reboot}
   */
  async clearEvidenceFaults(name?: string): Promise<Bites> {
    await this.#withFaults((client, names) =>
      client.setEvidenceFaults(names.filter((one) => name !== undefined && one !== name)),
    );
    const left = await this.bootFaults();
    return left.some((one) => name === undefined || one === name) ? 'boot' : 'attestation';
  }

  /** Names of the faults that the running boot has, also if they were cleared since. */
  async bootFaults(): Promise<readonly string[]> {
    return Promise.resolve(this.#service.bootFaults());
  }

  /** Restarts the host: its VMs are powered off, its boot is measured again, and it has not attested. */
  async reboot(): Promise<void> {
    await (await this.client()).reboot();
  }

  /** Lets the host attest now, whatever report it has. */
  async attest(): Promise<AttestationReport> {
    return (await this.client()).attest(true);
  }

  /** The host takes the whole list, so one change waits for the other. */
  #withFaults(change: (client: HostAgentClient, names: readonly string[]) => Promise<void>): Promise<void> {
    return this.#faultChanges.run(async () => {
      const client = await this.client();
      await change(client, this.#service.evidenceFaults());
    });
  }

  /** A client known by `commonName`; it is closed when the lab stops. */
  async clientAs(commonName: string): Promise<HostAgentClient> {
    return this.#ground.keep(
      new HostAgentClient({
        baseUrl: this.endpoint.url,
        caPem: this.#ground.certificates.caPem,
        clientCertificate: await this.#ground.clientCertificate(commonName),
      }),
    );
  }
}
