import { APPRAISAL_STEP_NAMES, EXPLANATION_LIMITS, reasonRow } from '../../../wire/attestation/index.js';
import type { AppraisalStepName, AppraisedStep, AttestationReason } from '../../../wire/attestation/index.js';
import type { Material } from './material.js';
import type { AppraisalStep, Finding } from './step.js';
import { akActivated } from './steps/ak-activated.js';
import { akAttributes } from './steps/ak-attributes.js';
import { attestMagic } from './steps/attest-magic.js';
import { attestType } from './steps/attest-type.js';
import { baseImage } from './steps/base-image.js';
import { challengeFresh } from './steps/challenge-fresh.js';
import { challengeUnused } from './steps/challenge-unused.js';
import { credentialActivation } from './steps/credential-activation.js';
import { ekCertificateChain } from './steps/ek-certificate-chain.js';
import { ekCertificateMatch } from './steps/ek-certificate-match.js';
import { ekCertificatePresent } from './steps/ek-certificate-present.js';
import { ekCertificateProfile } from './steps/ek-certificate-profile.js';
import { ekCertificateRevocation } from './steps/ek-certificate-revocation.js';
import { ekCertificateValidity } from './steps/ek-certificate-validity.js';
import { ekRegistered } from './steps/ek-registered.js';
import { eventData } from './steps/event-data.js';
import { eventTypes } from './steps/event-types.js';
import { evidenceFormat } from './steps/evidence-format.js';
import { holder } from './steps/holder.js';
import { hostIdentity } from './steps/host-identity.js';
import { logFormat } from './steps/log-format.js';
import { logReliability } from './steps/log-reliability.js';
import { logReplay } from './steps/log-replay.js';
import { pcrBank } from './steps/pcr-bank.js';
import { pcrDigest } from './steps/pcr-digest.js';
import { pcrSelection } from './steps/pcr-selection.js';
import { pcrValues } from './steps/pcr-values.js';
import { qualifyingData } from './steps/qualifying-data.js';
import { resetContinuity } from './steps/reset-continuity.js';
import { resetCount } from './steps/reset-count.js';
import { secureBootEnabled } from './steps/secure-boot-enabled.js';
import { secureBootLog } from './steps/secure-boot-log.js';
import { signature } from './steps/signature.js';
import { signatureScheme } from './steps/signature-scheme.js';

/** The check of each step; their order is that of `APPRAISAL_STEPS`. */
const STEPS = {
  evidence_format: evidenceFormat,
  challenge_fresh: challengeFresh,
  challenge_unused: challengeUnused,
  holder,
  ek_certificate_present: ekCertificatePresent,
  ek_certificate_profile: ekCertificateProfile,
  ek_certificate_match: ekCertificateMatch,
  ek_certificate_chain: ekCertificateChain,
  ek_certificate_revocation: ekCertificateRevocation,
  ek_certificate_validity: ekCertificateValidity,
  ek_registered: ekRegistered,
  ak_attributes: akAttributes,
  credential_activation: credentialActivation,
  ak_activated: akActivated,
  host_identity: hostIdentity,
  attest_magic: attestMagic,
  attest_type: attestType,
  signature_scheme: signatureScheme,
  signature,
  qualifying_data: qualifyingData,
  reset_continuity: resetContinuity,
  reset_count: resetCount,
  pcr_bank: pcrBank,
  pcr_selection: pcrSelection,
  pcr_values: pcrValues,
  pcr_digest: pcrDigest,
  log_format: logFormat,
  log_reliability: logReliability,
  log_replay: logReplay,
  event_types: eventTypes,
  event_data: eventData,
  secure_boot_log: secureBootLog,
  secure_boot_enabled: secureBootEnabled,
  base_image: baseImage,
} as const satisfies Record<AppraisalStepName, AppraisalStep>;

/** How evidence was judged. */
export interface Appraisal {
  /** No step failed, and none lacked what it needs. */
  readonly attested: boolean;
  /** Reason of the first step that failed. */
  readonly reason: AttestationReason | undefined;
  readonly steps: readonly AppraisedStep[];
  /** Steps that could not be evaluated, so that nothing may be affirmed about them. */
  readonly lacking: readonly AppraisalStepName[];
}

/**
 * Judges evidence: every step that can be evaluated is; the first that failed gives the verdict.
 *
 * @param onDefect told of a step that threw, which counts as failed
 */
export function appraise(material: Material, onDefect: (step: string, error: unknown) => void): Appraisal {
  const lacking: AppraisalStepName[] = [];
  let reason: AttestationReason | undefined;
  const steps = APPRAISAL_STEP_NAMES.map((name): AppraisedStep => {
    const finding = guarded(STEPS[name], material, onDefect);
    if (finding.status === 'skipped' && finding.lacking) lacking.push(name);
    if (finding.status === 'failed') reason ??= finding.reason;
    return reported(name, finding);
  });
  if (reason === undefined && lacking.length > 0) reason = 'malformed_evidence';
  return { attested: reason === undefined, reason, steps, lacking };
}

/** An appraisal that ended before evidence was there, with one step failed. */
export function refusedAppraisal(reason: AttestationReason, actual: string): Appraisal {
  const failedStep = reasonRow(reason).step;
  const steps = APPRAISAL_STEP_NAMES.map((name): AppraisedStep => {
    const finding: Finding =
      name === failedStep ? { status: 'failed', reason, actual } : { status: 'skipped', lacking: true };
    return reported(name, finding);
  });
  const lacking = APPRAISAL_STEP_NAMES.filter((name) => name !== failedStep);
  return { attested: false, reason, steps, lacking };
}

function guarded(
  step: AppraisalStep,
  material: Material,
  onDefect: (step: string, error: unknown) => void,
): Finding {
  try {
    return step.check(material);
  } catch (error) {
    onDefect(step.name, error);
    return { status: 'failed', reason: 'malformed_evidence' };
  }
}

function reported(name: AppraisalStepName, finding: Finding): AppraisedStep {
  if (finding.status === 'skipped') return { name, status: 'skipped' };
  const shown = { ...cut('expected', finding.expected), ...cut('actual', finding.actual) };
  if (finding.status === 'passed') return { name, status: 'passed', ...shown };
  const { reason } = finding;
  return { name, status: 'failed', reason, ...shown, remedy: reasonRow(reason).remedy };
}

function cut<K extends string>(name: K, text: string | undefined): Partial<Record<K, string>> {
  if (text === undefined) return {};
  const bounded =
    text.length > EXPLANATION_LIMITS.shownCharacters
      ? `${text.slice(0, EXPLANATION_LIMITS.shownCharacters - 1)}…`
      : text;
  return { [name]: bounded } as Record<K, string>;
}
