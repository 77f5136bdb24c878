import type { EvidenceContext } from '../../../wire/attestation/index.js';
import { decodeTpmsAttest, decodeTpmtSignature } from '../../../wire/tpm2/index.js';
import type {
  Attested,
  EventLog,
  HashAlgorithm,
  PcrValues,
  TpmsAttest,
  TpmtPublic,
  TpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { ClientIdentity } from '../../rest/operation.js';
import type { AttestationSettings } from '../client.js';
import type { OpenedChallenge } from '../challenges.js';
import type { PresentedIdentity } from '../endorsement-key.js';
import type { HostRecord } from '../known-hosts.js';
import type { TrustedBaseImage } from '../base-images.js';
import type { CertificatePath, TrustAnchors } from '../trust-anchors.js';
import { judgedPath } from './certificate-path.js';
import { JUDGED_BANK, decoded, valueOf } from './read-structures.js';
import type { Decoded, ReadStructures } from './read-structures.js';

export { JUDGED_BANK, valueOf } from './read-structures.js';
export type { Decoded } from './read-structures.js';

/** What the service holds against the evidence. */
export interface Reference {
  readonly nowMs: number;
  readonly settings: AttestationSettings;
  readonly anchors: TrustAnchors;
  /** Fingerprints of registered endorsement keys. */
  readonly registeredKeys: ReadonlySet<string>;
  readonly baseImages: readonly TrustedBaseImage[];
  /** The host as it attested before. */
  readonly knownHost: HostRecord | undefined;
  /** The host id that the TPM has attested with before. */
  readonly idOfKey: string | undefined;
  /** How many host ids the client's certificate has attested with, and how many it may. */
  readonly hostIds: { readonly owned: number; readonly limit: number };
}

/** Everything an appraisal judges: evidence, decoded as far as possible, and what it is held against. */
export interface Material {
  readonly reference: Reference;
  readonly identity: PresentedIdentity;
  /** The way from the endorsement key's certificate to a trusted root, if there is one and settings ask for it. */
  readonly path: CertificatePath | undefined;
  readonly challenge: OpenedChallenge | undefined;
  /** Who connected, by its client certificate. */
  readonly client: ClientIdentity;
  readonly activationProof: Buffer;
  readonly attestBytes: Buffer;
  readonly signatureBytes: Buffer;
  readonly eventLogBytes: Buffer;
  readonly akPublic: Decoded<TpmtPublic>;
  readonly attest: Decoded<TpmsAttest>;
  readonly signature: Decoded<TpmtSignature>;
  readonly log: Decoded<EventLog>;
  /** What the log says that the PCRs hold, in the bank it is judged in. */
  readonly replayed: Decoded<ReadonlyMap<number, Buffer>>;
  readonly pcrValues: PcrValues;
}

/** Decodes evidence; what cannot be decoded is kept as a problem, for the steps to judge. */
export function materialOf(options: {
  readonly reference: Reference;
  readonly identity: PresentedIdentity;
  readonly challenge: OpenedChallenge | undefined;
  readonly client: ClientIdentity;
  readonly evidence: EvidenceContext;
  readonly structures: ReadStructures;
}): Material {
  const { evidence, structures, ...rest } = options;
  const attestBytes = bytes(evidence.attest);
  const signatureBytes = bytes(evidence.signature);
  const eventLogBytes = bytes(evidence.eventLog);
  const { log, replayed } = structures.eventLog(eventLogBytes);
  const { identity, reference } = rest;
  const validated = reference.settings.require_certificate_validation ? identity.certificate : undefined;
  return {
    ...rest,
    path: validated && judgedPath(reference.anchors.pathsTo(validated), reference.nowMs),
    activationProof: bytes(evidence.activationProof),
    attestBytes,
    signatureBytes,
    eventLogBytes,
    akPublic: structures.publicArea(evidence.akPublic),
    attest: decoded(() => decodeTpmsAttest(attestBytes)),
    signature: decoded(() => decodeTpmtSignature(signatureBytes)),
    log,
    replayed,
    pcrValues: pcrValuesOf(evidence),
  };
}

/** The quote in the attestation structure; undefined if there is none. */
export function quoteOf(material: Material): Extract<Attested, { type: 'QUOTE' }> | undefined {
  const attested = valueOf(material.attest)?.attested;
  return attested?.type === 'QUOTE' ? attested : undefined;
}

/** The quoted PCRs of the bank that events are judged in; empty if there is no quote. */
export function judgedPcrs(material: Material): ReadonlySet<number> {
  const selections = quoteOf(material)?.selections ?? [];
  return new Set(selections.flatMap(({ hashAlg, pcrs }) => (hashAlg === JUDGED_BANK ? pcrs : [])));
}

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function pcrValuesOf(evidence: EvidenceContext): PcrValues {
  const values = new Map<HashAlgorithm, Map<number, Buffer>>();
  for (const [bank, row] of Object.entries(evidence.pcrValues)) {
    const numbered = Object.entries(row).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')] as const);
    values.set(bank as HashAlgorithm, new Map(numbered));
  }
  return values;
}
