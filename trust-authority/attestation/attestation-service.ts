import type { ServiceContext } from '../../core/context.js';
import { errorText } from '../../core/errors.js';
import { AttestationError, decodeContext, encodeContext } from '../../wire/attestation/index.js';
import type {
  AttestRequest,
  AttestResult,
  DocumentType,
  EvidenceContext,
  HelloContext,
} from '../../wire/attestation/index.js';
import { decodeTpm2bPublic } from '../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';
import type { KeyPairs } from '../pki/key-pairs.js';
import { appraise, refusedAppraisal } from './appraisal/appraisal.js';
import type { Appraisal } from './appraisal/appraisal.js';
import { materialOf, valueOf } from './appraisal/material.js';
import type { Material } from './appraisal/material.js';
import { bootedImage } from './appraisal/steps/base-image.js';
import { Challenges } from './challenges.js';
import type { AttestationConfiguration } from './configuration.js';
import { DocumentIssuer } from './document-issuer.js';
import { presentedIdentity } from './endorsement-key.js';
import type { PresentedIdentity } from './endorsement-key.js';
import type { KnownHosts } from './known-hosts.js';

/** Id of the key pair that documents are signed with. */
export const SIGNING_KEY = 'attestation-signing';

/** What an attestation service is made of. */
export interface AttestationServiceOptions {
  readonly context: ServiceContext;
  readonly configuration: AttestationConfiguration;
  readonly knownHosts: KnownHosts;
  readonly keyPairs: KeyPairs;
  /** Common name for a signing certificate, should the service have to make one. */
  readonly signerName: string;
  /** The service's URL, `iss` of its documents. */
  readonly issuer: string;
  readonly group: string;
  readonly tokenLifetimeSeconds: number;
  readonly challengeLifetimeSeconds: number;
}

/** Answers both rounds of an attestation. */
export class AttestationService {
  readonly #options: AttestationServiceOptions;
  readonly #challenges: Challenges;
  readonly #issuer: DocumentIssuer;
  readonly #verdicts;

  constructor(options: AttestationServiceOptions) {
    const { context, issuer, group, tokenLifetimeSeconds } = options;
    this.#options = options;
    this.#challenges = new Challenges(context, options.challengeLifetimeSeconds);
    this.#issuer = new DocumentIssuer({ context, issuer, group, lifetimeSeconds: tokenLifetimeSeconds });
    this.#verdicts = context.metrics.counter(
      'kpsim_attestation_verdicts_total',
      'Appraisals of evidence by reason; attested for those that passed.',
      ['reason'],
    );
  }

  /**
   * One round.
   *
   * @param connectionCertificateSha256 `x5t#S256` of the caller's client certificate
   * @throws AttestationError `malformed_evidence` if the context cannot be read
   */
  async attest(request: AttestRequest, connectionCertificateSha256: string): Promise<AttestResult> {
    const context = decodeContext(request.contexts[0] ?? '');
    switch (context.kind) {
      case 'hello':
        return this.#challenge(request, context);
      case 'evidence':
        return this.#appraise(request, context, connectionCertificateSha256);
      case 'challenge':
      case 'appraisal':
        throw new AttestationError('malformed_evidence', `A host does not send a context ${context.kind}.`);
    }
  }

  /** Forgets the key that challenges are sealed under. */
  close(): void {
    this.#challenges.close();
  }

  async #challenge(request: AttestRequest, hello: HelloContext): Promise<AttestResult> {
    try {
      const identity = presentedIdentity(request.identity);
      const challenge = await this.#challenges.issue(hello, identity, attestationKey(hello));
      return { attested: false, contexts: [encodeContext(challenge)], documents: [] };
    } catch (error) {
      if (error instanceof AttestationError) return this.#refused(error);
      throw error;
    }
  }

  async #appraise(
    request: AttestRequest,
    evidence: EvidenceContext,
    connectionCertificateSha256: string,
  ): Promise<AttestResult> {
    let identity: PresentedIdentity;
    try {
      identity = presentedIdentity(request.identity);
    } catch (error) {
      if (error instanceof AttestationError) return this.#refused(error);
      throw error;
    }
    const challenge = await this.#challenges.answer(evidence.state);
    const { configuration, context, knownHosts } = this.#options;
    const material = materialOf({
      identity,
      challenge,
      connectionCertificateSha256,
      evidence,
      reference: {
        nowMs: context.clock.now(),
        settings: configuration.settings,
        anchors: configuration.anchors,
        registeredKeys: configuration.registeredKeys,
        baseImages: configuration.baseImages.trusted(),
        knownHost: challenge && knownHosts.find(challenge.state.hostId),
      },
    });
    const appraisal = appraise(material, (step, error) =>
      context.log.error({ step, err: error }, 'an appraisal step failed unexpectedly'),
    );
    if (appraisal.attested) await this.#remember(material);
    return this.#answer(appraisal, material, request.types);
  }

  async #answer(
    appraisal: Appraisal,
    material: Material,
    types: readonly DocumentType[],
  ): Promise<AttestResult> {
    this.#verdicts.inc({ reason: appraisal.reason ?? 'attested' });
    const documents: { type: DocumentType; document: string }[] = [];
    const { configuration, keyPairs, signerName } = this.#options;
    const state = material.challenge?.state;
    if (state && types.length > 0) {
      const key = await keyPairs.findOrCreate(SIGNING_KEY, signerName);
      const policy = configuration.applied().fingerprint;
      const baseImage = types.includes('REPORTING_JWT') ? bootedImage(material)?.version : undefined;
      const subject = { appraisal, state, policy, baseImage };
      for (const type of new Set(types)) {
        const document = await this.#issuer.issue(type, subject, key);
        if (document !== undefined) documents.push({ type, document });
      }
    }
    const context = encodeContext({ kind: 'appraisal', steps: [...appraisal.steps] });
    return { attested: appraisal.attested, contexts: [context], documents };
  }

  /** The host is remembered before it gets its documents, so that none is out that the service does not know of. */
  async #remember({ challenge, identity, attest, reference }: Material): Promise<void> {
    const clockInfo = valueOf(attest)?.clockInfo;
    if (!challenge || !clockInfo) return;
    await this.#options.knownHosts.remember(challenge.state.hostId, {
      endorsementKey: identity.fingerprint,
      resetCount: clockInfo.resetCount,
      restartCount: clockInfo.restartCount,
      attestedAtMs: reference.nowMs,
    });
  }

  #refused(error: AttestationError): AttestResult {
    this.#verdicts.inc({ reason: error.reason });
    const { steps } = refusedAppraisal(error.reason, error.message);
    return {
      attested: false,
      contexts: [encodeContext({ kind: 'appraisal', steps: [...steps] })],
      documents: [],
    };
  }
}

/** @throws AttestationError `malformed_evidence` */
function attestationKey(hello: HelloContext): TpmtPublic {
  try {
    return decodeTpm2bPublic(Buffer.from(hello.akPublic, 'base64'));
  } catch (error) {
    throw new AttestationError('malformed_evidence', `akPublic: ${errorText(error)}`, { cause: error });
  }
}
