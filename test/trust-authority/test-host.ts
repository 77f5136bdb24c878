import { createECDH, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { compactDecrypt } from 'jose';

import type { Clock } from '../../core/clock.js';
import { certificateX5tS256 } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { measuredBoot } from '../../host-agent/boot/index.js';
import type { MeasuredBootOptions } from '../../host-agent/boot/index.js';
import { BOOT_FAULTS } from '../../host-agent/boot/faults.js';
import type { BootFault } from '../../host-agent/boot/faults.js';
import { SoftwareTpmTransport, TPM_FAULTS, TpmClient, manufacture } from '../../host-agent/tpm/index.js';
import type {
  EvidenceParts,
  FaultMemory,
  ManufactureOptions,
  TakeQuote,
  TpmFault,
  TpmKey,
  TpmVendor,
  SoftwareTpm,
} from '../../host-agent/tpm/index.js';
import { AttestationClient } from '../../trust-authority/client.js';
import {
  activationProof,
  decodeContext,
  decodeContextOf,
  encodeContext,
  quoteQualifyingData,
} from '../../wire/attestation/index.js';
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
import { AK_TEMPLATES, TpmError, decodeTpm2bPublic, encodeTpm2bPublic } from '../../wire/tpm2/index.js';
import type { EkAlgorithm, TpmtPublic } from '../../wire/tpm2/index.js';

/** A row of either fault catalogue of the host. */
type HostFault = TpmFault | BootFault;

/** The fault of that name. */
export function faultNamed(name: string): HostFault {
  const rows: readonly HostFault[] = [...TPM_FAULTS, ...BOOT_FAULTS];
  return rows.find((row) => row.name === name)!;
}

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

/** A host with a real software TPM that attests over real TLS; faults break its evidence before it is sent. */
export class TestHost {
  readonly id: string;
  readonly tpm: SoftwareTpm;
  readonly client: AttestationClient;
  readonly hostKeyJwk: HostKeyJwk;
  readonly certificate: KeyAndCertificate;
  readonly #options: TestHostOptions;
  readonly #privateKey: KeyObject;
  readonly #faults: readonly HostFault[];
  readonly #memory: FaultMemory = new Map();
  readonly #ek: EkAlgorithm;
  #commands: TpmClient;
  #ak: TpmKey | undefined;
  #eventLog = Buffer.alloc(0);

  private constructor(options: TestHostOptions, tpm: SoftwareTpm) {
    this.#options = options;
    this.id = options.id ?? 'host-1';
    this.tpm = tpm;
    this.certificate = options.certificate;
    this.#ek = options.ek ?? 'p256';
    this.#faults = (options.faults ?? []).map(faultNamed);
    this.#commands = new TpmClient(new SoftwareTpmTransport(tpm));
    this.client = new AttestationClient({
      baseUrl: options.baseUrl,
      caPem: options.caPem,
      clientCertificate: options.certificate,
    });
    const pair = createECDH('prime256v1');
    const point = pair.generateKeys();
    this.hostKeyJwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    const d = Buffer.alloc(32);
    const secret = pair.getPrivateKey();
    secret.copy(d, 32 - secret.length);
    this.#privateKey = createPrivateKey({
      key: { ...this.hostKeyJwk, d: d.toString('base64url') },
      format: 'jwk',
    });
  }

  /** Makes the TPM (unless given) and boots. */
  static async boot(options: TestHostOptions): Promise<TestHost> {
    let making: ManufactureOptions = {
      ekCa: options.vendor.issuing,
      endorsementKeys: [options.ek ?? 'p256'],
      clock: options.clock,
    };
    for (const name of options.faults ?? []) {
      const fault = faultNamed(name);
      if (fault.stage === 'manufacture') making = await fault.apply(making, options.vendor);
    }
    const host = new TestHost(options, options.tpm ?? (await manufacture(making)));
    await host.#start();
    return host;
  }

  /** Cuts the power, and boots again. */
  async reboot(): Promise<void> {
    this.tpm.reset();
    await this.#start();
  }

  async #start(): Promise<void> {
    let options: MeasuredBootOptions = {
      tpm: this.#commands,
      image: this.#options.image ?? presetBaseImage('8.0.3'),
    };
    for (const fault of this.#faults) if (fault.stage === 'boot') options = fault.apply(options);
    this.tpm.setLocality(options.startupLocality ?? 0);
    await this.#commands.startup();
    this.tpm.setLocality(0);
    this.#eventLog = Buffer.from((await measuredBoot(options)).eventLog);
    let template: TpmtPublic = AK_TEMPLATES['p256-ecdsa-sha256'];
    for (const fault of this.#faults) if (fault.stage === 'ak') template = fault.apply(template);
    this.#ak = await this.#commands.createAk({ template });
  }

  async identity(): Promise<AttestIdentity> {
    const ek = await this.#commands.ensureEk(this.#ek);
    const certificate = await this.#commands.ekCertificate(this.#ek);
    return {
      ...(certificate && { ek_cert: certificate.toString('base64') }),
      ek_pub: encodeTpm2bPublic(ek.publicArea).toString('base64'),
    };
  }

  async hello(): Promise<HelloContext> {
    let parts = { akPublic: this.#ak!.publicArea };
    for (const fault of this.#faults) if (fault.stage === 'hello') parts = await fault.apply(parts);
    const { resetCount, restartCount } = (await this.#commands.readClock()).clockInfo;
    return {
      kind: 'hello',
      akPublic: encodeTpm2bPublic(parts.akPublic).toString('base64'),
      hostId: this.id,
      hostKeyJwk: this.hostKeyJwk,
      clientCertificateSha256: certificateX5tS256(this.certificate.certificatePem),
      clock: { resetCount, restartCount },
    };
  }

  async evidence(challengeText: string): Promise<EvidenceContext> {
    const sent = decodeContextOf('challenge', challengeText);
    let challenge = {
      idObject: Buffer.from(sent.idObject, 'base64'),
      encryptedSecret: Buffer.from(sent.encryptedSecret, 'base64'),
      nonce: Buffer.from(sent.nonce, 'base64'),
      pcrSelection: sent.pcrSelection,
      state: sent.state,
    };
    for (const fault of this.#faults) {
      if (fault.stage === 'challenge') {
        challenge = fault.apply(challenge, this.#memory) as typeof challenge;
      }
    }
    const ak = this.#ak!;
    const ek = await this.#commands.ensureEk(this.#ek);
    const secret = await this.#commands
      .activateCredential({ ...challenge, ak: ak.handle, ek: ek.handle })
      .catch((error: unknown) => {
        if (error instanceof TpmError) return undefined;
        throw error;
      });
    let take: TakeQuote = async (request) => ({
      ...(await request.client.quote({ ...request, ak: request.ak.handle })),
      akPublic: request.ak.publicArea,
    });
    for (const fault of this.#faults) {
      const next = take;
      if (fault.stage === 'quote') take = (request) => fault.apply(request, next);
    }
    const quote = await take({
      client: this.#commands,
      ak,
      qualifyingData: quoteQualifyingData({
        nonce: challenge.nonce,
        hostKeyJwk: this.hostKeyJwk,
        clientCertificateSha256: certificateX5tS256(this.certificate.certificatePem),
      }),
      selection: challenge.pcrSelection,
    });
    let eventLog: Buffer = this.#eventLog;
    for (const fault of this.#faults) if (fault.stage === 'log') eventLog = fault.apply(eventLog);
    let parts: EvidenceParts = {
      ...quote,
      state: challenge.state,
      eventLog,
      activationProof: secret
        ? activationProof({ secret, attest: quote.attest, signature: quote.signature, eventLog })
        : Buffer.alloc(32),
      pcrValues: await this.#commands.pcrRead(challenge.pcrSelection),
    };
    for (const fault of this.#faults)
      if (fault.stage === 'evidence') parts = fault.apply(parts, this.#memory);
    return evidenceContext(parts);
  }

  /** Both rounds. */
  async attest(
    types: readonly DocumentType[] = ['KMS_AUTH_JWT', 'REPORTING_JWT'],
    between?: () => Promise<void> | void,
    change: (evidence: EvidenceContext) => EvidenceContext = (evidence) => evidence,
  ): Promise<Outcome> {
    const identity = await this.identity();
    const first = await this.client.attest(identity, [encodeContext(await this.hello())], types);
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
  async open(jwe: string): Promise<Buffer> {
    return Buffer.from((await compactDecrypt(jwe, this.#privateKey)).plaintext);
  }
}

/** An outcome out of an answer. */
export function outcomeOf(result: AttestResult): Outcome {
  const { steps } = decodeContextOf('appraisal', result.contexts[0]!);
  return { result, steps, reason: steps.find(({ status }) => status === 'failed')?.reason };
}

/** The context of evidence parts. */
export function evidenceContext(parts: EvidenceParts): EvidenceContext {
  return {
    kind: 'evidence',
    state: parts.state,
    activationProof: parts.activationProof.toString('base64'),
    attest: parts.attest.toString('base64'),
    signature: parts.signature.toString('base64'),
    eventLog: parts.eventLog.toString('base64'),
    akPublic: encodeTpm2bPublic(parts.akPublic).toString('base64'),
    pcrValues: Object.fromEntries(
      [...parts.pcrValues].map(([bank, values]) => [
        bank,
        Object.fromEntries([...values].map(([pcr, value]) => [String(pcr), value.toString('hex')])),
      ]),
    ),
  };
}

/** The public area in a hello. */
export function akOf(hello: HelloContext): TpmtPublic {
  return decodeTpm2bPublic(Buffer.from(hello.akPublic, 'base64'));
}
