import { createHash, createHmac, hash } from 'node:crypto';

import * as z from 'zod';

import { APPRAISAL_STEP_NAMES } from './steps.js';
import type { AppraisalStepName } from './steps.js';
import { ATTESTATION_REASONS } from './reasons.js';
import type { AttestationReason } from './reasons.js';
import { AttestationError } from './errors.js';
import { EXPLANATION_LIMITS, eventComparison, pcrComparison } from './explanation.js';
import type { Comparisons } from './explanation.js';
import { jsonWith, quoted } from './json-text.js';
import { base64Bytes } from './rest.js';

/** Bounds of exchange contexts, in bytes. Own choice. */
export const EXCHANGE_LIMITS = {
  nonceBytes: 32,
  secretBytes: 32,
  proofBytes: 32,
  publicBytes: 2048,
  attestBytes: 2048,
  signatureBytes: 2048,
  eventLogBytes: 2 * 1024 * 1024,
  stateCharacters: 8192,
  contextCharacters: 4 * 1024 * 1024,
} as const satisfies Record<string, number>;

const base64url32Bytes = z.string().regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/, '32 bytes in base64url');

/** The host's P-256 public key, to which released keys are encrypted (RFC 7517, RFC 7518 §6.2.1). */
export const hostKeyJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: base64url32Bytes,
  y: base64url32Bytes,
});

/** The host's P-256 public key. */
export type HostKeyJwk = z.infer<typeof hostKeyJwk>;

const pcrSelection = z.strictObject({
  hashAlg: z.enum(['SHA256', 'SHA384', 'SHA512']),
  pcrs: z.array(z.number().int().min(0).max(23)).min(1).max(24),
});

const hello = z.strictObject({
  kind: z.literal('hello'),
  /** TPM2B_PUBLIC of the attestation key. */
  akPublic: base64Bytes(EXCHANGE_LIMITS.publicBytes),
  /** The host's own id, under which the service remembers it. */
  hostId: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[\x21-\x7e]+$/, 'printable ASCII without spaces'),
  hostKeyJwk,
  /** `x5t#S256` of the host's TLS client certificate (RFC 8705). */
  clientCertificateSha256: base64url32Bytes,
  /** Counters of TPM2_ReadClock, to tell a reset during the exchange. */
  clock: z.strictObject({
    resetCount: z.number().int().min(0).max(0xffffffff),
    restartCount: z.number().int().min(0).max(0xffffffff),
  }),
});

const challenge = z.strictObject({
  kind: z.literal('challenge'),
  /** TPMS_ID_OBJECT: content of the TPM2B_ID_OBJECT for TPM2_ActivateCredential. */
  idObject: base64Bytes(1024),
  /** Content of the TPM2B_ENCRYPTED_SECRET. */
  encryptedSecret: base64Bytes(1024),
  /** 32 random bytes. */
  nonce: base64Bytes(EXCHANGE_LIMITS.nonceBytes),
  pcrSelection: z.array(pcrSelection).min(1).max(4),
  /** Sealed by the service, to be sent back unchanged. */
  state: z.string().min(1).max(EXCHANGE_LIMITS.stateCharacters),
});

const pcrValuesOfBank = z.record(
  z.string().regex(/^(?:[0-9]|1[0-9]|2[0-3])$/, 'a PCR number'),
  z
    .string()
    .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/, 'a digest in lower-case hex'),
);

const evidence = z.strictObject({
  kind: z.literal('evidence'),
  state: z.string().min(1).max(EXCHANGE_LIMITS.stateCharacters),
  /** See {@link activationProof}; 32 zero bytes if the TPM did not activate the credential. */
  activationProof: base64Bytes(EXCHANGE_LIMITS.proofBytes),
  /** TPMS_ATTEST as TPM2_Quote returned it, without a length. */
  attest: base64Bytes(EXCHANGE_LIMITS.attestBytes),
  /** TPMT_SIGNATURE. */
  signature: base64Bytes(EXCHANGE_LIMITS.signatureBytes),
  /** Values of the quoted PCRs: bank, then PCR number, then hex. */
  pcrValues: z.partialRecord(z.enum(['SHA1', 'SHA256', 'SHA384', 'SHA512']), pcrValuesOfBank),
  /** TCG2 event log. */
  eventLog: base64Bytes(EXCHANGE_LIMITS.eventLogBytes),
  /** TPM2B_PUBLIC of the key that signed. */
  akPublic: base64Bytes(EXCHANGE_LIMITS.publicBytes),
  /** Asks for PCRs and events, compared one by one, in the appraisal. */
  explain: z.literal(true).optional(),
});

const appraisedStep = z.strictObject({
  name: z.enum(APPRAISAL_STEP_NAMES as [AppraisalStepName, ...AppraisalStepName[]]),
  /** `skipped`: it could not be evaluated because an earlier one failed, or the settings do not ask for it. */
  status: z.enum(['passed', 'failed', 'skipped']),
  reason: z.enum(Object.keys(ATTESTATION_REASONS) as [AttestationReason, ...AttestationReason[]]).optional(),
  /** What a passing host shows; never a secret. */
  expected: z.string().max(EXPLANATION_LIMITS.shownCharacters).optional(),
  /** What this one showed; never a secret. */
  actual: z.string().max(EXPLANATION_LIMITS.shownCharacters).optional(),
  remedy: z.string().max(512).optional(),
});

const appraisal = z.strictObject({
  kind: z.literal('appraisal'),
  steps: z.array(appraisedStep).max(APPRAISAL_STEP_NAMES.length),
  /** Only if the evidence asked to explain. */
  pcrs: z.array(pcrComparison).max(EXPLANATION_LIMITS.pcrs).optional(),
  /** Only if the evidence asked to explain. */
  events: z.array(eventComparison).max(EXPLANATION_LIMITS.events).optional(),
});

const context = z.discriminatedUnion('kind', [hello, challenge, evidence, appraisal]);

/** Round 1, host to service: who it is and with which key it will quote. */
export type HelloContext = z.infer<typeof hello>;
/** Round 1, service to host: the credential and the nonce. */
export type ChallengeContext = z.infer<typeof challenge>;
/** Round 2, host to service: the quote, the log and the proof that the credential was opened. */
export type EvidenceContext = z.infer<typeof evidence>;
/** Round 2, service to host: how the evidence was judged. */
export type AppraisalContext = z.infer<typeof appraisal>;
/** One step of an appraisal as it is reported. */
export type AppraisedStep = z.infer<typeof appraisedStep>;
/** Any exchange context. */
export type ExchangeContext = z.infer<typeof context>;
/** Values of PCRs as they are sent: bank, then PCR number, then lower-case hex. */
export type PcrValuesHex = EvidenceContext['pcrValues'];

/** An appraisal as a service holds it. */
interface ReadonlyAppraisal extends Partial<Comparisons> {
  readonly kind: 'appraisal';
  readonly steps: readonly AppraisedStep[];
}

/** The base64 form in which a context travels in `contexts`. Own choice: JSON, as vSphere leaves them opaque. */
export function encodeContext(value: Readonly<ExchangeContext> | ReadonlyAppraisal): string {
  return Buffer.from(jsonOf(value), 'utf8').toString('base64');
}

function jsonOf(value: Parameters<typeof encodeContext>[0]): string {
  if (value.kind !== 'evidence') return JSON.stringify(value);
  const { eventLog, ...rest } = value;
  return jsonWith(rest, 'eventLog', quoted(eventLog));
}

/**
 * Reads a context, which may be hostile.
 *
 * @throws AttestationError `malformed_evidence` that names the field and what is wrong with it, never its value
 */
export function decodeContext(text: string): ExchangeContext {
  if (text.length > EXCHANGE_LIMITS.contextCharacters) {
    throw new AttestationError('malformed_evidence', 'The exchange context is too long.');
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch (error) {
    throw new AttestationError('malformed_evidence', 'The exchange context is not JSON in base64.', {
      cause: error,
    });
  }
  const parsed = context.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? 'It' : issue.path.join('.');
  throw new AttestationError('malformed_evidence', `${where}: ${issue?.message ?? 'not a context'}.`);
}

/**
 * Reads a context that must be of one kind.
 *
 * @throws AttestationError `malformed_evidence`
 */
export function decodeContextOf<K extends ExchangeContext['kind']>(
  kind: K,
  text: string,
): Extract<ExchangeContext, { kind: K }> {
  const value = decodeContext(text);
  if (value.kind === kind) return value as Extract<ExchangeContext, { kind: K }>;
  throw new AttestationError('malformed_evidence', `Expected the context ${kind}, found ${value.kind}.`);
}

/** SHA-256 over the JSON Web Key in its canonical form, which is its thumbprint (RFC 7638). 32 bytes. */
export function hostKeyThumbprint(jwk: HostKeyJwk): Buffer {
  const { crv, kty, x, y } = jwk;
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'buffer');
}

/**
 * The qualifying data of the quote: SHA-256(nonce ‖ thumbprint of the host key ‖ SHA-256 of the client
 * certificate). It binds the answer to the challenge, to the key that secrets will be encrypted to, and to the
 * connection. 32 bytes. Own choice.
 */
export function quoteQualifyingData(options: {
  readonly nonce: Uint8Array;
  readonly hostKeyJwk: HostKeyJwk;
  /** `x5t#S256`, base64url. */
  readonly clientCertificateSha256: string;
}): Buffer {
  const bound = Buffer.concat([
    options.nonce,
    hostKeyThumbprint(options.hostKeyJwk),
    Buffer.from(options.clientCertificateSha256, 'base64url'),
  ]);
  return hash('sha256', bound, 'buffer');
}

/**
 * The proof that the TPM opened the credential: HMAC-SHA-256 under the secret over SHA-256(attest ‖ signature ‖
 * event log). It binds what was quoted and logged to the endorsement key. 32 bytes. Own choice.
 */
export function activationProof(options: {
  /** What TPM2_ActivateCredential returned. */
  readonly secret: Uint8Array;
  /** TPMS_ATTEST bytes. */
  readonly attest: Uint8Array;
  /** TPMT_SIGNATURE bytes. */
  readonly signature: Uint8Array;
  readonly eventLog: Uint8Array;
}): Buffer {
  const digest = createHash('sha256')
    .update(options.attest)
    .update(options.signature)
    .update(options.eventLog)
    .digest();
  return createHmac('sha256', options.secret).update(digest).digest();
}
