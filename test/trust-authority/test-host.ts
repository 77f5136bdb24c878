import type { Clock } from '../../core/clock.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import { EvidenceFaults, measuredBoot } from '../../host-agent/boot/index.js';
import { SoftwareTpmTransport, TpmClient, manufacture } from '../../host-agent/tpm/index.js';
import type { SoftwareTpm, TpmKey, TpmVendor } from '../../host-agent/tpm/index.js';
import { TpmEvidenceMaker } from '../../host-agent/trust/evidence.js';
import type { EvidenceOptions } from '../../host-agent/trust/evidence.js';
import { HostKey } from '../../host-agent/trust/host-key.js';
import { AttestationClient } from '../../trust-authority/client.js';
import { decodeContext, decodeContextOf, encodeContext } from '../../wire/attestation/index.js';
import type {
  AppraisedStep,
  AttestIdentity,
  AttestResult,
  DocumentType,
  EvidenceContext,
  HelloContext,
  HostKeyJwk,
} from '../../wire/attestation/index.js';
import { presetBaseImage } from '../../wire/esx-image/index.js';
import type { BaseImage } from '../../wire/esx-image/index.js';
import { AK_TEMPLATES, encodeTpm2bPublic } from '../../wire/tpm2/index.js';
import type { EkAlgorithm } from '../../wire/tpm2/index.js';

export interface TestHostOptions {
  readonly vendor: TpmVendor;
  readonly certificate: KeyAndCertificate;
  readonly baseUrl: string;
  readonly caPem: string;
  readonly clock: Clock;
  readonly id?: string;
  readonly faults?: readonly string[];
  readonly ek?: EkAlgorithm;
  readonly image?: BaseImage;
  readonly tpm?: SoftwareTpm;
}

/** What an attestation came to. */
export interface Outcome {
  readonly result: AttestResult;
  readonly steps: readonly AppraisedStep[];
  /** Reason of the first step that failed. */
  readonly reason: string | undefined;
}

/**
 * A software TPM that has booted, with the host agent's own maker of evidence and its own faults, and both rounds of an
 * attestation by hand, so that a test can do something between them or change what is sent.
 */
export class TestHost {
  readonly id: string;
  readonly tpm: SoftwareTpm;
  readonly client: AttestationClient;
  readonly certificate: KeyAndCertificate;
  readonly #options: TestHostOptions;
  readonly #hostKey = HostKey.generate();
  readonly #faults: EvidenceFaults;
  readonly #commands: TpmClient;
  readonly #maker: TpmEvidenceMaker;
  #ak: TpmKey | undefined;
  #eventLog = Buffer.alloc(0);

  private constructor(options: TestHostOptions, tpm: SoftwareTpm, faults: EvidenceFaults) {
    this.#options = options;
    this.id = options.id ?? 'host-1';
    this.tpm = tpm;
    this.certificate = options.certificate;
    this.#faults = faults;
    this.#commands = new TpmClient(new SoftwareTpmTransport(tpm));
    this.client = new AttestationClient({
      baseUrl: options.baseUrl,
      caPem: options.caPem,
      clientCertificate: options.certificate,
    });
    this.#maker = new TpmEvidenceMaker({
      hostId: this.id,
      tpm: this.#source(),
      hostKey: () => this.#hostKey,
      certificatePem: options.certificate.certificatePem,
    });
  }

  /** Makes the TPM (unless given) and boots. */
  static async boot(options: TestHostOptions): Promise<TestHost> {
    const faults = new EvidenceFaults(options.faults);
    const proper = {
      ekCa: options.vendor.issuing,
      endorsementKeys: [options.ek ?? 'p256'],
      clock: options.clock,
    };
    const tpm = options.tpm ?? (await manufacture(await faults.manufacture(proper, options.vendor)));
    const host = new TestHost(options, tpm, faults);
    await host.#start();
    return host;
  }

  /** The public half of the key that released keys are encrypted to. */
  get hostKeyJwk(): HostKeyJwk {
    return this.#hostKey.publicJwk;
  }

  /** Cuts the power, and boots again. */
  async reboot(): Promise<void> {
    this.tpm.reset();
    await this.#start();
  }

  async #start(): Promise<void> {
    const options = this.#faults.boot({
      tpm: this.#commands,
      image: this.#options.image ?? presetBaseImage('8.0.3'),
    });
    this.tpm.setLocality(options.startupLocality ?? 0);
    await this.#commands.startup();
    this.tpm.setLocality(0);
    this.#eventLog = Buffer.from((await measuredBoot(options)).eventLog);
    const template = this.#faults.ak(AK_TEMPLATES['p256-ecdsa-sha256']);
    this.#ak = await this.#commands.createAk({ template });
  }

  /** What the maker of evidence takes from a host: everything at once, as nobody else speaks to this TPM. */
  #source(): EvidenceOptions['tpm'] {
    const ekAlgorithm = this.#options.ek ?? 'p256';
    const [ak, eventLog] = [() => this.#ak!, () => this.#eventLog]; // booted before anything is asked
    const endorsementKey = async () => {
      const { publicArea } = await this.#commands.ensureEk(ekAlgorithm);
      return { publicArea, certificate: await this.#commands.ekCertificate(ekAlgorithm) };
    };
    return {
      faults: this.#faults,
      ekAlgorithm,
      get attestationKey() {
        return ak();
      },
      get eventLog() {
        return eventLog();
      },
      beginAttestation: () => Promise.resolve(),
      challenge: (ask) => ask(),
      withTpm: (work) => work(this.#commands),
      identity: async () => {
        const { publicArea, certificate } = await endorsementKey();
        return {
          ek_pub: encodeTpm2bPublic(publicArea).toString('base64'),
          ...(certificate && { ek_cert: certificate.toString('base64') }),
        };
      },
      endorsement: async () => {
        const { publicArea, certificate } = await endorsementKey();
        return {
          endorsementKeyBase64: encodeTpm2bPublic(publicArea).toString('base64'),
          ...(certificate && { certificatePem: x509.PemConverter.encode(certificate, 'CERTIFICATE') }),
          issuersPem: [],
        };
      },
    };
  }

  async identity(): Promise<AttestIdentity> {
    return (await this.#maker.hello()).identity;
  }

  async hello(): Promise<HelloContext> {
    return (await this.#maker.hello()).context;
  }

  evidence(challengeText: string): Promise<EvidenceContext> {
    return this.#maker.evidence(decodeContextOf('challenge', challengeText));
  }

  /** Both rounds. */
  async attest(
    types: readonly DocumentType[] = ['KMS_AUTH_JWT', 'REPORTING_JWT'],
    between?: () => Promise<void> | void,
    change: (evidence: EvidenceContext) => EvidenceContext = (evidence) => evidence,
  ): Promise<Outcome> {
    const { identity, context } = await this.#maker.hello();
    const first = await this.client.attest(identity, [encodeContext(context)], types);
    if (decodeContext(first.contexts[0]!).kind === 'appraisal') return outcomeOf(first);
    await between?.();
    const evidence = change(await this.evidence(first.contexts[0]!));
    return outcomeOf(await this.client.attest(identity, [encodeContext(evidence)], types));
  }

  /** Attests and returns the KMS_AUTH_JWT. */
  async token(): Promise<string> {
    const { result, reason } = await this.attest(['KMS_AUTH_JWT']);
    if (!result.attested) throw new Error(`not attested: ${reason}`);
    return result.documents[0]!.document;
  }

  /** Opens a JWE that a key provider service released. */
  open(jwe: string): Promise<Buffer> {
    return this.#hostKey.open(jwe);
  }
}

/** An outcome out of an answer. */
export function outcomeOf(result: AttestResult): Outcome {
  const { steps } = decodeContextOf('appraisal', result.contexts[0]!);
  return { result, steps, reason: steps.find(({ status }) => status === 'failed')?.reason };
}
