import { errorText } from '../../../core/errors.js';
import type { EvidenceContext } from '../../../wire/attestation/index.js';
import {
  decodeTpm2bPublic,
  decodeTpmsAttest,
  decodeTpmtSignature,
  parseEventLog,
  replayEventLog,
} from '../../../wire/tpm2/index.js';
import type {
  Attested,
  EventLog,
  HashAlgorithm,
  PcrValues,
  TpmsAttest,
  TpmtPublic,
  TpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { AttestationSettings } from '../client.js';
import type { OpenedChallenge } from '../challenges.js';
import type { PresentedIdentity } from '../endorsement-key.js';
import type { HostRecord } from '../known-hosts.js';
import type { TrustedBaseImage } from '../base-images.js';
import { pathTo } from '../trust-anchors.js';
import type { CertificatePath, TrustAnchor } from '../trust-anchors.js';

/** What the service holds against the evidence. */
export interface Reference {
  readonly nowMs: number;
  readonly settings: AttestationSettings;
  readonly anchors: readonly TrustAnchor[];
  /** Fingerprints of registered endorsement keys. */
  readonly registeredKeys: ReadonlySet<string>;
  readonly baseImages: readonly TrustedBaseImage[];
  /** The host as it attested before. */
  readonly knownHost: HostRecord | undefined;
}

/** A structure that may be malformed: either its value, or why there is none. */
export type Decoded<T> = { readonly value: T } | { readonly problem: string };

/** Everything an appraisal judges: evidence, decoded as far as possible, and what it is held against. */
export interface Material {
  readonly reference: Reference;
  readonly identity: PresentedIdentity;
  /** The way from the endorsement key's certificate to a trusted root, if there is one and settings ask for it. */
  readonly path: CertificatePath | undefined;
  readonly challenge: OpenedChallenge | undefined;
  /** `x5t#S256` of the connection's client certificate. */
  readonly connectionCertificateSha256: string;
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
  readonly connectionCertificateSha256: string;
  readonly evidence: EvidenceContext;
}): Material {
  const { evidence, ...rest } = options;
  const attestBytes = bytes(evidence.attest);
  const signatureBytes = bytes(evidence.signature);
  const eventLogBytes = bytes(evidence.eventLog);
  const log = decoded(() => parseEventLog(eventLogBytes));
  const { identity, reference } = rest;
  const validated = reference.settings.require_certificate_validation ? identity.certificate : undefined;
  return {
    ...rest,
    path: validated && pathTo(validated, reference.anchors),
    activationProof: bytes(evidence.activationProof),
    attestBytes,
    signatureBytes,
    eventLogBytes,
    akPublic: decoded(() => decodeTpm2bPublic(bytes(evidence.akPublic))),
    attest: decoded(() => decodeTpmsAttest(attestBytes)),
    signature: decoded(() => decodeTpmtSignature(signatureBytes)),
    log,
    replayed: 'value' in log ? decoded(() => replayEventLog(log.value, JUDGED_BANK)) : log,
    pcrValues: pcrValuesOf(evidence),
  };
}

/** The value of something decoded; undefined if there is none. */
export function valueOf<T>(decodedValue: Decoded<T>): T | undefined {
  return 'value' in decodedValue ? decodedValue.value : undefined;
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

/** The bank that the event log is replayed and judged in: the one that challenges ask for. */
export const JUDGED_BANK = 'SHA256' satisfies HashAlgorithm;

function bytes(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}

function decoded<T>(decode: () => T): Decoded<T> {
  try {
    return { value: decode() };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

function pcrValuesOf(evidence: EvidenceContext): PcrValues {
  const values = new Map<HashAlgorithm, Map<number, Buffer>>();
  for (const [bank, row] of Object.entries(evidence.pcrValues)) {
    const numbered = Object.entries(row).map(([pcr, hex]) => [Number(pcr), Buffer.from(hex, 'hex')] as const);
    values.set(bank as HashAlgorithm, new Map(numbered));
  }
  return values;
}
