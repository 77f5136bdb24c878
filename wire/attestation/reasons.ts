import { TRUST_VALUES } from './ear.js';
import type { TrustClaim, TrustValue } from './ear.js';
import type { StepName } from './steps.js';

/** Everything that is known about one reason for which attestation or the use of its result is refused. */
export interface ReasonRow {
  /** Numbers in the catalogue of attestation failures; none for a reason outside of it. */
  readonly catalogue: readonly number[];
  /** `attack`: evidence was forged or replayed, or looks so; `fault`: something is set up wrongly; `transient`: try again. */
  readonly severity: 'attack' | 'fault' | 'transient';
  /** The host succeeds if it simply attests again, with nobody changing anything. */
  readonly recoverable: boolean;
  /** Where it is found. */
  readonly step: StepName;
  /** What is wrong, as a sentence. */
  readonly sentence: string;
  /** What to do next, as a sentence. */
  readonly remedy: string;
  /** What it says in a trustworthiness vector; reasons that are not about the host say nothing. */
  readonly claim?: readonly [TrustClaim, TrustValue];
}

const { unsafe, contraindicated, unrecognized, cryptoFailed } = TRUST_VALUES;

/** Reasons, by code, in order of the catalogue. Codes are stable. */
export const ATTESTATION_REASONS = {
  ek_cert_expired: {
    catalogue: [1],
    severity: 'fault',
    recoverable: false,
    step: 'ek_certificate_validity',
    sentence: 'A certificate in the chain of the endorsement key has expired.',
    remedy:
      'Get a new endorsement key certificate from the maker of the TPM, or register the endorsement key itself.',
    claim: ['instance-identity', unsafe],
  },
  ek_cert_not_yet_valid: {
    catalogue: [2],
    severity: 'fault',
    recoverable: false,
    step: 'ek_certificate_validity',
    sentence: 'A certificate in the chain of the endorsement key is not valid yet.',
    remedy: 'Check the clock of the attestation service, then the dates of the certificate.',
    claim: ['instance-identity', unsafe],
  },
  ek_ca_untrusted: {
    catalogue: [3],
    severity: 'fault',
    recoverable: false,
    step: 'ek_certificate_chain',
    sentence: 'The endorsement key certificate does not come from a trusted authority.',
    remedy:
      'Import the chain of the TPM maker, root first, with POST /api/esx/attestation/tpm2/ca-certificates.',
    claim: ['instance-identity', unrecognized],
  },
  ek_ca_revoked: {
    catalogue: [4],
    severity: 'attack',
    recoverable: false,
    step: 'ek_certificate_revocation',
    sentence:
      'A certificate in the chain of the endorsement key is revoked, or its revocation list is not usable.',
    remedy: 'Do not trust this TPM any more; if only the revocation list is stale, import a newer one.',
    claim: ['instance-identity', contraindicated],
  },
  ek_cert_profile: {
    catalogue: [5],
    severity: 'fault',
    recoverable: false,
    step: 'ek_certificate_profile',
    sentence: 'The certificate is not one for an endorsement key.',
    remedy:
      'Send the certificate in NV index 0x1C00002 or 0x1C0000A, with key usage 2.23.133.8.1 and no CA flag.',
    claim: ['instance-identity', contraindicated],
  },
  ek_cert_mismatch: {
    catalogue: [6],
    severity: 'attack',
    recoverable: false,
    step: 'ek_certificate_match',
    sentence: 'The endorsement key does not match its certificate.',
    remedy:
      "Create the endorsement key again from the TPM maker's template, and send the certificate of that key.",
    claim: ['instance-identity', contraindicated],
  },
  ek_cert_missing: {
    catalogue: [7],
    severity: 'fault',
    recoverable: false,
    step: 'ek_certificate_present',
    sentence: 'No endorsement key certificate was sent, but certificate validation is required.',
    remedy: 'Send ek_cert, or set require_certificate_validation to false and register the endorsement key.',
    claim: ['instance-identity', unrecognized],
  },
  ek_not_registered: {
    catalogue: [8],
    severity: 'fault',
    recoverable: false,
    step: 'ek_registered',
    sentence: 'The endorsement key is not registered, but registration is required.',
    remedy: 'Register it with POST /api/esx/attestation/tpm2/endorsement-keys.',
    claim: ['instance-identity', unrecognized],
  },
  identity_changed: {
    catalogue: [9],
    severity: 'attack',
    recoverable: false,
    step: 'host_identity',
    sentence: 'The host attested with another TPM before, or its TPM with another host id.',
    remedy:
      'If its TPM was replaced or the host installed anew on purpose, forget the host with DELETE /api/kpsim/attestation/hosts/{id}; the id is the former one where that has changed.',
    claim: ['instance-identity', contraindicated],
  },
  credential_activation_failed: {
    catalogue: [10, 14],
    severity: 'attack',
    recoverable: false,
    step: 'credential_activation',
    sentence: 'The proof that the TPM opened the credential is wrong.',
    remedy: 'Activate the credential in the TPM that holds both the endorsement key and the attestation key.',
    claim: ['instance-identity', cryptoFailed],
  },
  ak_not_activated: {
    catalogue: [11],
    severity: 'attack',
    recoverable: false,
    step: 'ak_activated',
    sentence: 'The quote is by another attestation key than the one the credential was made for.',
    remedy: 'Quote with the attestation key that was sent in the first round.',
    claim: ['instance-identity', contraindicated],
  },
  ak_not_restricted_signing: {
    catalogue: [12],
    severity: 'attack',
    recoverable: false,
    step: 'ak_attributes',
    sentence: 'The attestation key would sign structures that its TPM did not make.',
    remedy: 'Create the attestation key with the attributes restricted and sign, and without decrypt.',
    claim: ['hardware', contraindicated],
  },
  ak_attributes: {
    catalogue: [13],
    severity: 'attack',
    recoverable: false,
    step: 'ak_attributes',
    sentence: 'The attestation key is too weak, or can leave its TPM.',
    remedy:
      'Create it with fixedTPM, fixedParent and sensitiveDataOrigin, on P-256 or RSA 2048 at least, with SHA-256 names.',
    claim: ['hardware', unsafe],
  },
  bad_signature: {
    catalogue: [15],
    severity: 'attack',
    recoverable: false,
    step: 'signature',
    sentence: 'The signature of the quote does not verify.',
    remedy: 'Send attestation structure and signature as the TPM returned them.',
    claim: ['hardware', cryptoFailed],
  },
  not_tpm_generated: {
    catalogue: [16],
    severity: 'attack',
    recoverable: false,
    step: 'attest_magic',
    sentence: 'The attestation structure does not begin with TPM_GENERATED_VALUE.',
    remedy: 'Send what TPM2_Quote returned.',
    claim: ['hardware', contraindicated],
  },
  not_a_quote: {
    catalogue: [17],
    severity: 'attack',
    recoverable: false,
    step: 'attest_type',
    sentence: 'The attestation structure is not a quote.',
    remedy: 'Send what TPM2_Quote returned, not a certification or a time.',
    claim: ['hardware', contraindicated],
  },
  nonce_mismatch: {
    catalogue: [18],
    severity: 'attack',
    recoverable: false,
    step: 'qualifying_data',
    sentence: 'The quote does not answer this challenge for this host key and client certificate.',
    remedy:
      'Quote over SHA-256(nonce, SHA-256 of the host key, SHA-256 of the client certificate) of this exchange.',
    claim: ['hardware', contraindicated],
  },
  nonce_reused: {
    catalogue: [19],
    severity: 'attack',
    recoverable: true,
    step: 'challenge_unused',
    sentence: 'This challenge has been answered before.',
    remedy: 'Begin a new exchange; every challenge is good for one answer.',
    claim: ['hardware', contraindicated],
  },
  challenge_expired: {
    catalogue: [21],
    severity: 'transient',
    recoverable: true,
    step: 'challenge_fresh',
    sentence: 'The challenge has expired, or is not from the running attestation service.',
    remedy: 'Begin a new exchange and answer sooner.',
    claim: ['hardware', unsafe],
  },
  weak_pcr_bank: {
    catalogue: [22],
    severity: 'fault',
    recoverable: false,
    step: 'pcr_bank',
    sentence: 'TPM 2.0 device detected, but a PCR bank of SHA-1 is quoted.',
    remedy: "Activate the SHA-256 bank in the host's firmware and quote that one.",
    claim: ['hardware', unsafe],
  },
  weak_signature_hash: {
    catalogue: [23],
    severity: 'attack',
    recoverable: false,
    step: 'signature_scheme',
    sentence: "The signature's hash is too weak, or its scheme is not that of the attestation key.",
    remedy: 'Create the attestation key with a scheme of SHA-256 or better, and sign with that scheme.',
    claim: ['hardware', unsafe],
  },
  pcr_not_covered: {
    catalogue: [24],
    severity: 'attack',
    recoverable: false,
    step: 'pcr_selection',
    sentence: 'The quote leaves out PCRs that were asked for.',
    remedy: 'Quote exactly the selection of the challenge.',
    claim: ['configuration', contraindicated],
  },
  pcr_selection_empty: {
    catalogue: [25],
    severity: 'attack',
    recoverable: false,
    step: 'pcr_selection',
    sentence: 'The quote covers no PCR at all.',
    remedy: 'Quote exactly the selection of the challenge.',
    claim: ['configuration', contraindicated],
  },
  pcr_digest_mismatch: {
    catalogue: [26],
    severity: 'attack',
    recoverable: true,
    step: 'pcr_digest',
    sentence: 'The PCR values sent are not those that were quoted.',
    remedy: 'Read the PCRs and quote again without extending any in between.',
    claim: ['configuration', contraindicated],
  },
  pcr_missing: {
    catalogue: [27],
    severity: 'fault',
    recoverable: false,
    step: 'pcr_values',
    sentence: 'The value of a quoted PCR was not sent.',
    remedy: 'Send the value of every PCR in the selection.',
    claim: ['configuration', unsafe],
  },
  reset_count_rollback: {
    catalogue: [28],
    severity: 'attack',
    recoverable: false,
    step: 'reset_count',
    sentence: "The TPM's reset counter went back: its state was restored from a copy.",
    remedy:
      'Find out who restored it. If the TPM was cleared on purpose, forget the host with DELETE /api/kpsim/attestation/hosts/{id}.',
    claim: ['hardware', contraindicated],
  },
  reset_during_attestation: {
    catalogue: [29],
    severity: 'transient',
    recoverable: true,
    step: 'reset_continuity',
    sentence: 'The TPM was reset between the challenge and the quote.',
    remedy: 'Begin a new exchange after the host has started.',
    claim: ['hardware', unsafe],
  },
  malformed_evidence: {
    catalogue: [30],
    severity: 'fault',
    recoverable: false,
    step: 'evidence_format',
    sentence: 'The evidence has missing or trailing bytes, or is no structure of the kind it should be.',
    remedy: 'Send TPM2B_PUBLIC, TPMS_ATTEST and TPMT_SIGNATURE whole, in base64.',
    claim: ['hardware', cryptoFailed],
  },
  log_replay_mismatch: {
    catalogue: [31, 32],
    severity: 'attack',
    recoverable: false,
    step: 'log_replay',
    sentence: 'The event log does not replay to the quoted PCR values.',
    remedy: 'Send the log of this boot unchanged; if it is, something was measured without being logged.',
    claim: ['executables', contraindicated],
  },
  log_malformed: {
    catalogue: [33, 38],
    severity: 'attack',
    recoverable: false,
    step: 'log_format',
    sentence: 'The event log is truncated, or a length in it is wrong.',
    remedy: 'Send the whole log in the crypto-agile format of TCG.',
    claim: ['executables', contraindicated],
  },
  unexpected_event_type: {
    catalogue: [34],
    severity: 'attack',
    recoverable: false,
    step: 'event_types',
    sentence: 'An event has a type that does not belong into its PCR.',
    remedy: 'Send the log of this boot unchanged.',
    claim: ['executables', contraindicated],
  },
  event_data_digest_mismatch: {
    catalogue: [35],
    severity: 'attack',
    recoverable: false,
    step: 'event_data',
    sentence: 'The data of an event does not have the digest that was measured.',
    remedy: 'Send the log of this boot unchanged.',
    claim: ['executables', contraindicated],
  },
  secure_boot_log_invalid: {
    catalogue: [36],
    severity: 'attack',
    recoverable: false,
    step: 'secure_boot_log',
    sentence: 'The Secure Boot variables are not logged as firmware logs them.',
    remedy:
      "Update the host's firmware: SecureBoot, PK, KEK, db and dbx are measured once each, before the separator.",
    claim: ['configuration', contraindicated],
  },
  secure_boot_disabled: {
    catalogue: [37],
    severity: 'fault',
    recoverable: false,
    step: 'secure_boot_enabled',
    sentence: 'Host Secure Boot was disabled.',
    remedy: "Enable Secure Boot in the host's firmware and restart the host.",
    claim: ['configuration', unsafe],
  },
  base_image_not_trusted: {
    catalogue: [39, 40],
    severity: 'fault',
    recoverable: false,
    step: 'base_image',
    sentence: 'The host did not boot a trusted base image.',
    remedy:
      'Import the boot_imgdb.tgz of its ESXi with POST /api/esx/attestation/os/esx/base-images?action=import-from-imgdb.',
    claim: ['executables', unrecognized],
  },
  log_unreliable: {
    catalogue: [41],
    severity: 'fault',
    recoverable: false,
    step: 'log_reliability',
    sentence: 'The event log has more than 1,000 events, past which ESXi calls it unreliable.',
    remedy: 'Restart the host, and remove what measures that often.',
    claim: ['executables', unsafe],
  },
  token_alg: {
    catalogue: [43, 44],
    severity: 'attack',
    recoverable: false,
    step: 'token_form',
    sentence: "The token's algorithm is not ES256.",
    remedy: 'Send the KMS_AUTH_JWT as the attestation service issued it.',
  },
  token_key_untrusted: {
    catalogue: [45, 46, 53],
    severity: 'attack',
    recoverable: true,
    step: 'token_signature',
    sentence: 'The token is not signed with the current signing certificate of its attestation service.',
    remedy: 'Attest again: the certificate may have been replaced since.',
  },
  token_malformed: {
    catalogue: [],
    severity: 'fault',
    recoverable: false,
    step: 'token_form',
    sentence: 'The token is not a compact JSON Web Token with the claims of a KMS_AUTH_JWT.',
    remedy: 'Send Authorization: Bearer with the KMS_AUTH_JWT as the attestation service issued it.',
  },
  token_missing: {
    catalogue: [],
    severity: 'fault',
    recoverable: false,
    step: 'token_form',
    sentence: 'The request has no token.',
    remedy: 'Attest, then send Authorization: Bearer with the KMS_AUTH_JWT.',
  },
  token_expired: {
    catalogue: [47],
    severity: 'transient',
    recoverable: true,
    step: 'token_claims',
    sentence: 'The token has expired.',
    remedy: 'Attest again.',
  },
  token_not_yet_valid: {
    catalogue: [48],
    severity: 'fault',
    recoverable: false,
    step: 'token_claims',
    sentence: 'The token is not valid yet.',
    remedy: 'Set the clocks of attestation service and key provider service to the same time.',
  },
  issuer_not_in_group: {
    catalogue: [49],
    severity: 'fault',
    recoverable: false,
    step: 'token_signature',
    sentence: 'The token is not from an attestation service of the group of this key provider service.',
    remedy:
      'Attest to a service of that group, or register the service with POST /api/esx/trusted-infrastructure/attestation/services.',
  },
  audience_mismatch: {
    catalogue: [50],
    severity: 'attack',
    recoverable: false,
    step: 'token_claims',
    sentence: 'The token is for another audience.',
    remedy: 'Attest to a service of the group of this key provider service.',
  },
  wrong_document_type: {
    catalogue: [51],
    severity: 'attack',
    recoverable: false,
    step: 'token_type',
    sentence: 'The token is not a KMS_AUTH_JWT.',
    remedy: 'Ask the attestation service for the type KMS_AUTH_JWT; a REPORTING_JWT never opens anything.',
  },
  holder_mismatch: {
    catalogue: [52],
    severity: 'attack',
    recoverable: false,
    step: 'holder',
    sentence: 'The client certificate is not the one that the evidence or the token is bound to.',
    remedy: 'Attest and ask for keys with the same client certificate.',
    claim: ['instance-identity', contraindicated],
  },
  attestation_service_unreachable: {
    catalogue: [55],
    severity: 'transient',
    recoverable: true,
    step: 'service_group',
    sentence:
      'The attestation service that is to judge the host, or that issued its token, cannot be reached.',
    remedy: 'Attest to another service of the group, or start this one again.',
  },
  configuration_diverged: {
    catalogue: [56],
    severity: 'fault',
    recoverable: false,
    step: 'service_group',
    sentence: 'The attestation services of a group are configured differently.',
    remedy: 'Compare their raw-config fingerprints and apply the same settings to all.',
  },
  sts_issuer_untrusted: {
    catalogue: [57],
    severity: 'fault',
    recoverable: false,
    step: 'entitlement',
    sentence: 'The issuer of the principal is not trusted.',
    remedy: 'Import the principal of the workload vCenter with its STS certificates.',
  },
  principal_not_entitled: {
    catalogue: [58],
    severity: 'fault',
    recoverable: false,
    step: 'entitlement',
    sentence: 'The host attested, but its principal is not entitled to use the provider.',
    remedy: 'Entitle the principal to the provider.',
  },
  principal_token_invalid: {
    catalogue: [],
    severity: 'fault',
    recoverable: false,
    step: 'entitlement',
    sentence: 'The principal token is missing, malformed, expired, or not for this host and this service.',
    remedy: 'Let the workload vCenter issue a new one and hand it to the host with its trusted services.',
  },
  WrappingKeyMissingInKMS: {
    catalogue: [59],
    severity: 'fault',
    recoverable: false,
    step: 'wrapping_key',
    sentence: 'The primary key of the provider is not in the key server, or was destroyed.',
    remedy:
      'Restore it from a backup of the key server; without it, keys of the provider cannot be unwrapped.',
  },
  WrappingKeyNotActiveOrEnabled: {
    catalogue: [59],
    severity: 'fault',
    recoverable: false,
    step: 'wrapping_key',
    sentence: 'The primary key of the provider is not active.',
    remedy: 'Activate it in the key server; if it was deactivated, set a new master_key_id after recrypting.',
  },
  key_server_unavailable: {
    catalogue: [59],
    severity: 'transient',
    recoverable: true,
    step: 'wrapping_key',
    sentence: "The provider's key server cannot be used.",
    remedy:
      "Check the provider's key server, server certificates, client certificate and credential, then ask again.",
  },
  tpm_unavailable: {
    catalogue: [60],
    severity: 'transient',
    recoverable: true,
    step: 'host_tpm',
    sentence: 'The TPM does not answer, is in failure mode, or is locked out.',
    remedy: 'Try again; if it stays so, restart the host or clear the lockout.',
    claim: ['hardware', unsafe],
  },
  client_certificate_missing: {
    catalogue: [61],
    severity: 'attack',
    recoverable: false,
    step: 'client_authentication',
    sentence: 'The client has no certificate that this service trusts.',
    remedy: 'Connect with a client certificate from the trusted authority.',
  },
} as const satisfies Record<string, ReasonRow>;

/** Code of a reason, for example `ek_cert_expired`. */
export type AttestationReason = keyof typeof ATTESTATION_REASONS;

/** The row of a reason. */
export function reasonRow(reason: AttestationReason): ReasonRow {
  return ATTESTATION_REASONS[reason];
}

/** True if `text` is the code of a reason. */
export function isAttestationReason(text: string): text is AttestationReason {
  return Object.hasOwn(ATTESTATION_REASONS, text);
}

/**
 * Catalogue entries that have no reason, because a correct verifier has nothing to refuse: what the emulator
 * holds instead, and what a test shows.
 */
export const ENTRIES_WITHOUT_REASON = {
  14: 'The answer to a wrong activation proof holds neither the secret nor the proof that was expected.',
  20: 'Nonces come from the system generator and never repeat.',
  42: 'A startup locality other than 0 passes.',
  54: 'A token outlives a change of policy until it expires; only its key or its life can end it.',
} as const satisfies Record<number, string>;
