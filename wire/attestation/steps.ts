/** What is known about one step of an appraisal or of the checks around it. */
export interface StepRow {
  /** What the step makes sure of, as a sentence that is true when it passes. */
  readonly claim: string;
}

/**
 * Steps of an attestation service's appraisal of evidence, in the order in which their failures decide the
 * verdict: every step that can be evaluated is, and the first that failed gives the reason. Own choice.
 */
export const APPRAISAL_STEPS = {
  evidence_format: {
    claim: 'Public areas, attestation structure and signature are whole TPM 2.0 structures.',
  },
  challenge_fresh: { claim: 'The challenge is one of this service and has not expired.' },
  challenge_unused: { claim: 'The challenge has not been answered before.' },
  holder: { claim: 'The connection has the client certificate that the evidence or the token is bound to.' },
  ek_certificate_present: { claim: 'There is an endorsement key certificate, if validation is required.' },
  ek_certificate_profile: { claim: 'The certificate is one for an endorsement key.' },
  ek_certificate_match: { claim: 'The endorsement key is the one in its certificate.' },
  ek_certificate_chain: { claim: 'The certificate comes from a trusted authority.' },
  ek_certificate_revocation: { claim: 'No certificate of the chain is revoked.' },
  ek_certificate_validity: { claim: 'Every certificate of the chain is in its period of validity.' },
  ek_registered: { claim: 'The endorsement key is registered, if registration is required.' },
  ak_attributes: { claim: 'The attestation key is a restricted signing key that cannot leave its TPM.' },
  credential_activation: { claim: 'The TPM with this endorsement key opened the credential.' },
  ak_activated: { claim: 'The quote is by the attestation key that the credential was made for.' },
  host_identity: { claim: 'The host has the TPM that it had before.' },
  attest_magic: { claim: 'The attestation structure was made by a TPM.' },
  attest_type: { claim: 'The attestation structure is a quote.' },
  signature_scheme: { claim: 'The signature uses the scheme of the key and a hash of at least 256 bits.' },
  signature: { claim: 'The signature verifies.' },
  qualifying_data: { claim: 'The quote answers this challenge and names this host key and certificate.' },
  reset_continuity: { claim: 'The TPM was not reset during the exchange.' },
  reset_count: { claim: "The TPM's counters did not go back." },
  pcr_bank: { claim: 'Only PCR banks of at least 256 bits are quoted.' },
  pcr_selection: { claim: 'Every PCR asked for is quoted.' },
  pcr_values: { claim: 'Every quoted PCR value was sent.' },
  pcr_digest: { claim: 'The PCR values sent have the digest that was quoted.' },
  log_format: { claim: 'The event log is well formed.' },
  log_reliability: { claim: 'The event log is short enough for ESXi to call it reliable.' },
  log_replay: { claim: 'The event log replays to the quoted PCR values.' },
  event_types: { claim: 'Every event has a type that belongs into its PCR.' },
  event_data: { claim: 'Every event whose digest is that of its data has that digest.' },
  secure_boot_log: { claim: 'The Secure Boot variables are logged once, in order and before the separator.' },
  secure_boot_enabled: { claim: 'Secure Boot was enabled.' },
  base_image: { claim: 'The modules measured are those of a trusted base image.' },
} as const satisfies Record<string, StepRow>;

/** Name of an appraisal step. */
export type AppraisalStepName = keyof typeof APPRAISAL_STEPS;

/** Appraisal steps in their order. */
export const APPRAISAL_STEP_NAMES = Object.keys(APPRAISAL_STEPS) as readonly AppraisalStepName[];

/** Steps outside of an appraisal, at which the other reasons arise. */
export const OTHER_STEPS = {
  host_tpm: { claim: "The host's TPM does what it is asked." },
  token_form: { claim: 'The token is a compact JWS with an allowed algorithm.' },
  token_signature: { claim: 'The token is signed by an attestation service of the group.' },
  token_type: { claim: 'The token is a KMS_AUTH_JWT.' },
  token_claims: { claim: 'The token is for this service, now.' },
  entitlement: { claim: 'The principal may use the provider.' },
  wrapping_key: { claim: 'The primary key is there and active.' },
  service_group: { claim: 'The services of a group can be reached and are configured alike.' },
  client_authentication: { claim: 'The client has a certificate that this service trusts.' },
} as const satisfies Record<string, StepRow>;

/** Name of any step. */
export type StepName = AppraisalStepName | keyof typeof OTHER_STEPS;
