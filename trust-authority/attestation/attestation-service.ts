import type { ServiceContext } from '../../core/context.js';
import { AttestationError, decodeContext, encodeContext } from '../../wire/attestation/index.js';
import type {
  AttestRequest,
  AttestResult,
  DocumentType,
  EvidenceContext,
  HelloContext,
} from '../../wire/attestation/index.js';
import type { TpmtPublic } from '../../wire/tpm2/index.js';
import type { KeyPairs } from '../pki/key-pairs.js';
import type { ClientIdentity } from '../rest/operation.js';
import { appraise, refusedAppraisal } from './appraisal/appraisal.js';
import type { Appraisal } from './appraisal/appraisal.js';
import { materialOf, valueOf } from './appraisal/material.js';
import type { Material } from './appraisal/material.js';
import { comparisonsOf } from './appraisal/explanation.js';
import { matchingImage } from './appraisal/image-comparison.js';
import { ReadStructures } from './appraisal/read-structures.js';
import { Challenges } from './challenges.js';
import type { OpenedChallenge } from './challenges.js';
import type { AttestationConfiguration } from './configuration.js';
import { DocumentIssuer } from './document-issuer.js';
import { PresentedIdentities } from './endorsement-key.js';
import { ownerOf } from './known-hosts.js';
import type { HostConflict, KnownHosts } from './known-hosts.js';

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
  /** Most host ids of one client certificate. */
  readonly hostIdsPerCertificate: number;
  /** Resolves once the service knows what other members of its cluster know of hosts. */
  readonly ready: () => Promise<void>;
}

/** Answers both rounds of an attestation. */
export class AttestationService {
  readonly #options: AttestationServiceOptions;
  readonly #challenges: Challenges;
  readonly #issuer: DocumentIssuer;
  readonly #identities = new PresentedIdentities();
  readonly #structures = new ReadStructures();
  readonly #countVerdict: (reason: string) => void;

  constructor(options: AttestationServiceOptions) {
    const { context, issuer, group, tokenLifetimeSeconds } = options;
    this.#options = options;
    this.#challenges = new Challenges(context, options.challengeLifetimeSeconds);
    this.#issuer = new DocumentIssuer({ context, issuer, group, lifetimeSeconds: tokenLifetimeSeconds });
    this.#countVerdict = context.metrics.tally(
      'kpsim_attestation_verdicts_total',
      'Appraisals of evidence by reason; attested for those that passed.',
      ['reason'],
    );
  }

  /**
   * One round.
   *
   * @param client who calls, by its client certificate
   * @throws AttestationError `malformed_evidence` if the context cannot be read
   */
  async attest(request: AttestRequest, client: ClientIdentity): Promise<AttestResult> {
    const context = decodeContext(request.contexts[0] ?? '');
    switch (context.kind) {
      case 'hello':
        return this.#challenge(request, context);
      case 'evidence':
        await this.#options.ready();
        return this.#appraise(request, context, client);
      case 'challenge':
      case 'appraisal':
        throw new AttestationError('malformed_evidence', `A host does not send a context ${context.kind}.`);
    }
  }

  /** Forgets the key that challenges are sealed under. */
  close(): void {
    this.#challenges.close();
  }

  #challenge(request: AttestRequest, hello: HelloContext): AttestResult {
    try {
      const identity = this.#identities.read(request.identity);
      const challenge = this.#challenges.issue(hello, identity, this.#attestationKey(hello));
      return resultOf(challenge, false, []);
    } catch (error) {
      if (error instanceof AttestationError) return this.#refused(error);
      throw error;
    }
  }

  async #appraise(
    request: AttestRequest,
    evidence: EvidenceContext,
    client: ClientIdentity,
  ): Promise<AttestResult> {
    let identity: Material['identity'];
    try {
      identity = this.#identities.read(request.identity);
    } catch (error) {
      if (error instanceof AttestationError) return this.#refused(error);
      throw error;
    }
    const challenge = this.#challenges.answer(evidence.state);
    const reference = this.#reference(challenge, identity, client);
    const structures = this.#structures;
    let material = materialOf({ identity, challenge, client, evidence, reference, structures });
    let appraisal = this.#judge(material);
    // The host is remembered before it gets its documents, so that none is out that the service does not know of.
    const conflict = appraisal.attested ? await this.#remember(material) : undefined;
    if (conflict) {
      material = { ...material, reference: { ...reference, ...conflict } };
      appraisal = this.#judge(material);
    }
    return this.#answer(appraisal, material, request.types, evidence.explain === true);
  }

  #reference(
    challenge: OpenedChallenge | undefined,
    identity: Material['identity'],
    client: ClientIdentity,
  ): Material['reference'] {
    const { configuration, context, knownHosts, hostIdsPerCertificate } = this.#options;
    return {
      nowMs: context.clock.now(),
      settings: configuration.settings,
      anchors: configuration.anchors,
      registeredKeys: configuration.registeredKeys,
      baseImages: configuration.baseImages.trusted(),
      knownHost: challenge && knownHosts.find(challenge.state.hostId),
      idOfKey: knownHosts.idOfKey(identity.fingerprint),
      hostIds: { owned: knownHosts.owned(ownerOf(client)), limit: hostIdsPerCertificate },
    };
  }

  #judge(material: Material): Appraisal {
    return appraise(material, (step, error) =>
      this.#options.context.log.error({ step, err: error }, 'an appraisal step failed unexpectedly'),
    );
  }

  async #answer(
    appraisal: Appraisal,
    material: Material,
    types: readonly DocumentType[],
    explain: boolean,
  ): Promise<AttestResult> {
    this.#countVerdict(appraisal.reason ?? 'attested');
    const documents: { type: DocumentType; document: string }[] = [];
    const { configuration, keyPairs, signerName } = this.#options;
    const state = material.challenge?.state;
    if (state && types.length > 0) {
      const key = await keyPairs.findOrCreate(SIGNING_KEY, signerName);
      const policy = configuration.applied().fingerprint;
      const baseImage = types.includes('REPORTING_JWT') ? matchingImage(material)?.image.version : undefined;
      const subject = { appraisal, state, policy, baseImage };
      for (const type of new Set(types)) {
        const document = this.#issuer.issue(type, subject, key);
        if (document !== undefined) documents.push({ type, document });
      }
    }
    const { attested, steps } = appraisal;
    const compared = explain && comparisonsOf(material);
    return resultOf({ kind: 'appraisal', steps, ...compared }, attested, documents);
  }

  /** @returns what speaks against the host by now; undefined if nothing does */
  async #remember({
    challenge,
    identity,
    attest,
    reference,
    client,
  }: Material): Promise<HostConflict | undefined> {
    const clockInfo = valueOf(attest)?.clockInfo;
    if (!challenge || !clockInfo) return undefined;
    return this.#options.knownHosts.remember(challenge.state.hostId, {
      endorsementKey: identity.fingerprint,
      resetCount: clockInfo.resetCount,
      restartCount: clockInfo.restartCount,
      attestedAtMs: reference.nowMs,
      owner: ownerOf(client),
    });
  }

  /** @throws AttestationError `malformed_evidence` */
  #attestationKey(hello: HelloContext): TpmtPublic {
    const read = this.#structures.publicArea(hello.akPublic);
    if ('value' in read) return read.value;
    throw new AttestationError('malformed_evidence', `akPublic: ${read.problem}`);
  }

  #refused(error: AttestationError): AttestResult {
    this.#countVerdict(error.reason);
    const { steps } = refusedAppraisal(error.reason, error.message);
    return resultOf({ kind: 'appraisal', steps }, false, []);
  }
}

type AnsweredContext = Parameters<typeof encodeContext>[0];

/** What went into answers, so that the journal need not decode it again. */
const answered = new WeakMap<AttestResult, AnsweredContext>();

/** The context in an answer that this service made. */
export function contextOf(result: AttestResult): AnsweredContext | undefined {
  return answered.get(result);
}

function resultOf(
  context: AnsweredContext,
  attested: boolean,
  documents: AttestResult['documents'],
): AttestResult {
  const result = { attested, contexts: [encodeContext(context)], documents };
  answered.set(result, context);
  return result;
}
