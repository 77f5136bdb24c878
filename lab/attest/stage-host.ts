import { KpsimError } from '../../core/errors.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { zeroise } from '../../core/secret.js';
import { EVIDENCE_FAULTS } from '../../host-agent/boot/index.js';
import { hostAgentConfigSchema } from '../../host-agent/config.js';
import { EsxHost } from '../../host-agent/esx-host.js';
import type { TrustedServiceSpec } from '../../host-agent/index.js';
import { HostMetrics } from '../../host-agent/metrics.js';
import type { EvidenceMaker } from '../../host-agent/trust/exchange.js';
import { AttestationClient, KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { ChallengeContext } from '../../wire/attestation/index.js';
import type { LabTrustAuthority } from '../services/trust-authority.js';
import { observedAttestation, observedCall } from './observed.js';
import type { Observed } from './observed.js';
import { STAGE_GROUP, STAGE_PROVIDER } from './stage.js';
import type { Stage } from './stage.js';

const KEY_BYTES = 32;

/** A host of a stage: the real one, without its management listener. */
export class StageHost {
  readonly #stage: Stage;
  readonly #esx: EsxHost;
  readonly #tls: KeyAndCertificate;
  readonly #clients: { close(): Promise<void> }[] = [];

  private constructor(stage: Stage, esx: EsxHost, tls: KeyAndCertificate) {
    this.#stage = stage;
    this.#esx = esx;
    this.#tls = tls;
  }

  /** Boots it, and tells it of both attestation services. */
  static async boot(stage: Stage, name: string, faults: readonly string[]): Promise<StageHost> {
    const { ground, tpm, vendor } = stage;
    const common = await ground.common(name);
    const config = hostAgentConfigSchema.parse({
      ...common,
      tpm,
      attestationFaults: faults,
      administrators: [name],
    });
    const context = await ground.contextOf(name);
    const esx = await EsxHost.open(config, context, new HostMetrics(context), { tpmVendor: vendor });
    const tls = await ground.certificates.server(name, ground.host);
    const host = new StageHost(stage, esx, tls);
    await host.attestTo(stage.attestationServices);
    return host;
  }

  /** Replaces the attestation services that it asks. */
  async attestTo(attestation: readonly TrustedServiceSpec[]): Promise<void> {
    await this.#esx.providers.setTrusted({ ...this.#esx.providers.trusted, attestation: [...attestation] });
  }

  /** Its certificate, which tokens are bound to. */
  get certificatePem(): string {
    return this.#tls.certificatePem;
  }

  /** Makes what it sends to attestation services, out of its TPM. */
  get evidence(): EvidenceMaker {
    const { evidence } = this.#esx.platform;
    if (evidence) return evidence;
    throw new Error('a host of a stage has a TPM');
  }

  /** The secret of a challenge, as its TPM opens it. */
  async openCredential({ idObject, encryptedSecret }: ChallengeContext): Promise<Buffer> {
    const { tpm } = this.#esx.platform;
    if (!tpm) throw new Error('a host of a stage has a TPM');
    return tpm.withTpm(async (client) =>
      client.activateCredential({
        ak: tpm.attestationKey.handle,
        ek: (await client.ensureEk(tpm.ekAlgorithm)).handle,
        idObject: Buffer.from(idObject, 'base64'),
        encryptedSecret: Buffer.from(encryptedSecret, 'base64'),
      }),
    );
  }

  /** Its endorsement key, to be registered, in PEM. */
  async endorsementKeyPem(): Promise<string> {
    return (await this.#esx.platform.endorsement()).endorsementKeyPem ?? '';
  }

  /** Attests now. */
  async attest(): Promise<Observed> {
    return observedAttestation(await this.#esx.attest(true));
  }

  /** Attests now, which must succeed for anything said about a fault to mean something. @throws KpsimError `stage_not_honest` */
  async mustAttest(): Promise<void> {
    const seen = await this.attest();
    if (seen.outcome === 'passes') return;
    throw new KpsimError(
      'stage_not_honest',
      `A host without faults is refused for ${seen.reason}, so nothing can be said about faults: ${seen.message}`,
    );
  }

  /** Breaks its evidence, and reboots if the fault bites at boot. @throws KpsimError `fault_unknown` */
  async inject(fault: string): Promise<void> {
    await this.#esx.platform.setEvidenceFaults([fault]);
    const row = EVIDENCE_FAULTS.find(({ name }) => name === fault);
    if (row?.bites === 'boot') await this.#esx.reboot();
  }

  /** A KMS_AUTH_JWT of a new attestation. @throws KpsimError `stage_not_honest`, NotAttestedError */
  async newToken(group: string = STAGE_GROUP): Promise<string> {
    await this.mustAttest();
    return this.#esx.attestor.token(group);
  }

  /** Asks the key provider service for a key with a token, or with that and a principal token, and opens it. */
  useToken(token: string, provider: string = STAGE_PROVIDER, principal?: string): Promise<Observed> {
    return observedCall(async () => {
      const client = this.keyProviderServiceClient();
      const { plaintextJwe } = await client.generateKey(
        { provider, numOfBytes: KEY_BYTES },
        { token, principal },
      );
      zeroise(await this.#esx.platform.hostKey.open(plaintextJwe));
    });
  }

  /** Uses a token that must be good. @throws KpsimError `stage_not_honest` */
  async mustUse(token: string, provider?: string, principal?: string): Promise<void> {
    const seen = await this.useToken(token, provider, principal);
    if (seen.outcome === 'passes') return;
    throw new KpsimError(
      'stage_not_honest',
      `A good token is refused for ${seen.reason}, so nothing can be said about others: ${seen.message}`,
    );
  }

  /** The key provider service over this host's connection. */
  keyProviderServiceClient(): KeyProviderServiceClient {
    const { keyProviderEndpoint } = this.#stage.keyProviderService;
    return this.#keep(new KeyProviderServiceClient(this.#connection(keyProviderEndpoint.url)));
  }

  /** An attestation service over this host's connection. */
  attestationClient({ attestationEndpoint }: LabTrustAuthority): AttestationClient {
    return this.#keep(new AttestationClient(this.#connection(attestationEndpoint.url)));
  }

  /** Shuts down. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.splice(0).map((client) => client.close()));
    await this.#esx.close();
  }

  #connection(baseUrl: string): ConstructorParameters<typeof AttestationClient>[0] {
    return { baseUrl, caPem: this.#stage.ground.certificates.caPem, clientCertificate: this.#tls };
  }

  #keep<T extends { close(): Promise<void> }>(client: T): T {
    this.#clients.push(client);
    return client;
  }
}
