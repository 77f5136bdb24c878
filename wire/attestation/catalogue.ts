import type { AttestationReason } from './reasons.js';

/** Where the cause of a scenario lies: only at `host` is it an evidence fault of one host. */
export type ScenarioPlace = 'host' | 'service' | 'token' | 'cluster' | 'key-server';

/** What a correct verifier does. */
export type Expected =
  { readonly outcome: 'refused'; readonly reason: AttestationReason } | { readonly outcome: 'passes' };

/** One way in which attestation, or the use of its result, can be broken. */
export interface ScenarioRow {
  /** Numbers in the catalogue of attestation failures, 1 to 61. */
  readonly catalogue: readonly number[];
  /** What is broken, in one sentence. */
  readonly sentence: string;
  readonly place: ScenarioPlace;
  /** It touches TPM, quote or log, so it is worth running on another TPM too. */
  readonly tpm: boolean;
  readonly expected: Expected;
}

const PASSES = { outcome: 'passes' } as const satisfies Expected;

function refused<R extends AttestationReason>(
  reason: R,
): { readonly outcome: 'refused'; readonly reason: R } {
  return { outcome: 'refused', reason };
}

/**
 * The catalogue of attestation failures, by name. Those at `host` have the names of the evidence faults, which are
 * injected under them; severity, step and whether it recovers belong to the reason (`ATTESTATION_REASONS`).
 */
export const SCENARIOS = {
  'ek-certificate-expired': {
    catalogue: [1],
    sentence: 'The endorsement certificate expired yesterday.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_expired'),
  },
  'ek-certificate-not-yet-valid': {
    catalogue: [2],
    sentence: 'The endorsement certificate becomes valid in thirty days.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_not_yet_valid'),
  },
  'ek-ca-untrusted': {
    catalogue: [3],
    sentence: 'The endorsement certificate was issued by a TPM vendor that nobody knows.',
    place: 'host',
    tpm: true,
    expected: refused('ek_ca_untrusted'),
  },
  'ca-chain-wrong-order': {
    catalogue: [3],
    sentence: 'The chain of a TPM maker is imported with its root last.',
    place: 'service',
    tpm: false,
    expected: refused('ek_ca_untrusted'),
  },
  'ek-ca-revoked': {
    catalogue: [4],
    sentence: 'The endorsement certificate was issued by an authority that the vendor has revoked.',
    place: 'host',
    tpm: true,
    expected: refused('ek_ca_revoked'),
  },
  'ek-certificate-usage-wrong': {
    catalogue: [5],
    sentence: 'The endorsement certificate is one for a TLS client.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_profile'),
  },
  'ek-certificate-is-ca': {
    catalogue: [5],
    sentence: 'The endorsement certificate says that it is a certificate authority.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_profile'),
  },
  'ek-certificate-mismatch': {
    catalogue: [6],
    sentence: 'The endorsement certificate is for a key that the TPM does not have.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_mismatch'),
  },
  'ek-certificate-missing': {
    catalogue: [7],
    sentence: 'The TPM has no endorsement certificate.',
    place: 'host',
    tpm: true,
    expected: refused('ek_cert_missing'),
  },
  'ek-not-registered': {
    catalogue: [8],
    sentence: 'The TPM has an endorsement key that no administrator has registered.',
    place: 'host',
    tpm: true,
    expected: refused('ek_not_registered'),
  },
  'tpm-replaced': {
    catalogue: [9],
    sentence: 'The host has another TPM than when it first attested.',
    place: 'host',
    tpm: true,
    expected: refused('identity_changed'),
  },
  'ak-of-another-tpm': {
    catalogue: [10],
    sentence: 'The host names an attestation key that its TPM does not have.',
    place: 'host',
    tpm: true,
    expected: refused('credential_activation_failed'),
  },
  'ak-not-activated': {
    catalogue: [11],
    sentence:
      'The quote is signed by another attestation key of the same TPM than the one that was activated.',
    place: 'host',
    tpm: true,
    expected: refused('ak_not_activated'),
  },
  'ak-not-restricted': {
    catalogue: [12],
    sentence: 'The attestation key signs anything, so its quotes could be forged.',
    place: 'host',
    tpm: true,
    expected: refused('ak_not_restricted_signing'),
  },
  'quote-forged': {
    catalogue: [12],
    sentence: 'The host has made the quote itself and signed it with an attestation key that signs anything.',
    place: 'host',
    tpm: true,
    expected: refused('ak_not_restricted_signing'),
  },
  'ak-exportable': {
    catalogue: [13],
    sentence: 'The attestation key may leave its TPM.',
    place: 'host',
    tpm: true,
    expected: refused('ak_attributes'),
  },
  'ak-weak': {
    catalogue: [13],
    sentence: 'The attestation key is RSA with 1024 bits.',
    place: 'host',
    tpm: true,
    expected: refused('ak_attributes'),
  },
  'activation-answer-tells-nothing': {
    catalogue: [14],
    sentence:
      'A host sends a wrong proof of activation and looks for the secret and the right proof in the answer; neither is there.',
    place: 'service',
    tpm: false,
    expected: PASSES,
  },
  'signature-bit-flip': {
    catalogue: [15],
    sentence: 'One bit of the signature of the quote is flipped.',
    place: 'host',
    tpm: true,
    expected: refused('bad_signature'),
  },
  'magic-wrong': {
    catalogue: [16],
    sentence: 'The attestation key has signed a structure that looks like a quote but that no TPM made.',
    place: 'host',
    tpm: true,
    expected: refused('not_tpm_generated'),
  },
  'certify-instead-of-quote': {
    catalogue: [17],
    sentence: 'The host sends a certification of its attestation key instead of a quote.',
    place: 'host',
    tpm: true,
    expected: refused('not_a_quote'),
  },
  'nonce-mismatch': {
    catalogue: [18],
    sentence: 'The quote carries other qualifying data than the challenge asks for.',
    place: 'host',
    tpm: true,
    expected: refused('nonce_mismatch'),
  },
  'nonce-reused': {
    catalogue: [19],
    sentence: 'After an honest attestation the host sends its evidence once more, at the next one.',
    place: 'host',
    tpm: true,
    expected: refused('nonce_reused'),
  },
  'challenges-unique': {
    catalogue: [20],
    sentence: 'A host asks for sixty-four challenges; no nonce, credential or state comes twice.',
    place: 'service',
    tpm: false,
    expected: PASSES,
  },
  'nonce-constant': {
    catalogue: [20],
    sentence: 'The host quotes with the same nonce whatever the challenge says.',
    place: 'host',
    tpm: true,
    expected: refused('nonce_mismatch'),
  },
  'challenge-expired': {
    catalogue: [21],
    sentence:
      'The host keeps a challenge and attests with another; from 61 seconds later on, by its clock, it once answers the one it kept.',
    place: 'host',
    tpm: true,
    expected: refused('challenge_expired'),
  },
  'pcr-bank-sha1': {
    catalogue: [22],
    sentence: 'The quote is over the SHA-1 bank.',
    place: 'host',
    tpm: true,
    expected: refused('weak_pcr_bank'),
  },
  'ak-signs-with-sha1': {
    catalogue: [23],
    sentence: 'The attestation key signs with SHA-1.',
    place: 'host',
    tpm: true,
    expected: refused('weak_signature_hash'),
  },
  'signature-algorithm-swapped': {
    catalogue: [23],
    sentence: 'The signature says that it was made with another hash than the attestation key is bound to.',
    place: 'host',
    tpm: true,
    expected: refused('weak_signature_hash'),
  },
  'pcr-not-covered': {
    catalogue: [24],
    sentence: 'The quote covers fewer PCRs than the challenge asks for.',
    place: 'host',
    tpm: true,
    expected: refused('pcr_not_covered'),
  },
  'pcr-selection-empty': {
    catalogue: [25],
    sentence: 'The quote covers no PCR.',
    place: 'host',
    tpm: true,
    expected: refused('pcr_selection_empty'),
  },
  'pcr-value-swapped': {
    catalogue: [26],
    sentence: 'Two of the PCR values that are sent beside a quote are swapped.',
    place: 'host',
    tpm: true,
    expected: refused('pcr_digest_mismatch'),
  },
  'pcr-value-missing': {
    catalogue: [27],
    sentence: 'One of the PCR values that are sent beside the quote is left out.',
    place: 'host',
    tpm: true,
    expected: refused('pcr_missing'),
  },
  'tpm-snapshot-restored': {
    catalogue: [28],
    sentence:
      "The first attestation copies the TPM's state, boots twice more and is honest; the second puts the copy back, so the reset counter is lower than it was.",
    place: 'host',
    tpm: true,
    expected: refused('reset_count_rollback'),
  },
  'reboot-during-attestation': {
    catalogue: [29],
    sentence: 'The TPM is power-cycled, and a boot measured, between a challenge and the quote.',
    place: 'host',
    tpm: true,
    expected: refused('reset_during_attestation'),
  },
  'quote-trailing-bytes': {
    catalogue: [30],
    sentence: 'Bytes follow the end of the attestation structure.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'quote-truncated': {
    catalogue: [30],
    sentence: 'The attestation structure lacks its last byte.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'signature-trailing-bytes': {
    catalogue: [30],
    sentence: 'Bytes follow the end of the signature.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'signature-truncated': {
    catalogue: [30],
    sentence: 'The signature lacks its last byte.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'ak-public-trailing-bytes': {
    catalogue: [30],
    sentence: 'Bytes follow the end of the public area of the attestation key.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'ak-public-truncated': {
    catalogue: [30],
    sentence: 'The public area of the attestation key lacks its last byte.',
    place: 'host',
    tpm: true,
    expected: refused('malformed_evidence'),
  },
  'log-event-dropped': {
    catalogue: [31],
    sentence: 'The event of a core module is missing from the log.',
    place: 'host',
    tpm: true,
    expected: refused('log_replay_mismatch'),
  },
  'measured-not-logged': {
    catalogue: [32],
    sentence: 'Something is measured into PCR 13 that the log does not speak of.',
    place: 'host',
    tpm: true,
    expected: refused('log_replay_mismatch'),
  },
  'log-truncated': {
    catalogue: [33],
    sentence: 'The log ends in the middle of an event.',
    place: 'host',
    tpm: true,
    expected: refused('log_malformed'),
  },
  'log-event-type-rewritten': {
    catalogue: [34],
    sentence: 'The event of a core module says that it is of another type.',
    place: 'host',
    tpm: true,
    expected: refused('unexpected_event_type'),
  },
  'log-event-data-rewritten': {
    catalogue: [35],
    sentence: 'The data of a Secure Boot event is another than was measured, while its digest is kept.',
    place: 'host',
    tpm: true,
    expected: refused('event_data_digest_mismatch'),
  },
  'secure-boot-variable-after-separator': {
    catalogue: [36],
    sentence: 'A Secure Boot variable is measured once more after the separator of PCR 7.',
    place: 'host',
    tpm: true,
    expected: refused('secure_boot_log_invalid'),
  },
  'secure-boot-variable-duplicate': {
    catalogue: [36],
    sentence: 'The first Secure Boot variable is measured twice before the separator of PCR 7.',
    place: 'host',
    tpm: true,
    expected: refused('secure_boot_log_invalid'),
  },
  'secure-boot-disabled': {
    catalogue: [37],
    sentence: 'The host boots with Secure Boot switched off.',
    place: 'host',
    tpm: true,
    expected: refused('secure_boot_disabled'),
  },
  'log-length-hostile': {
    catalogue: [38],
    sentence: 'An event claims to have four gigabytes of data.',
    place: 'host',
    tpm: true,
    expected: refused('log_malformed'),
  },
  'module-replaced': {
    catalogue: [39],
    sentence: 'One module is another than that of any imported base image.',
    place: 'host',
    tpm: true,
    expected: refused('base_image_not_trusted'),
  },
  'base-image-never-imported': {
    catalogue: [39],
    sentence: 'The host boots a patched ESXi whose base image no administrator has imported.',
    place: 'host',
    tpm: true,
    expected: refused('base_image_not_trusted'),
  },
  'base-image-removed': {
    catalogue: [40],
    sentence: 'The base image of a host that attested is removed from the attestation services.',
    place: 'service',
    tpm: true,
    expected: refused('base_image_not_trusted'),
  },
  'log-unreliable': {
    catalogue: [41],
    sentence: 'More than 1,000 events are measured and logged.',
    place: 'host',
    tpm: true,
    expected: refused('log_unreliable'),
  },
  'startup-locality-3': {
    catalogue: [42],
    sentence: 'The TPM is started at locality 3, and the log says so; a correct verifier accepts it.',
    place: 'host',
    tpm: true,
    expected: PASSES,
  },
  'token-alg-none': {
    catalogue: [43],
    sentence: 'A token says that it has no signature, and has none.',
    place: 'token',
    tpm: false,
    expected: refused('token_alg'),
  },
  'token-hs256-public-key': {
    catalogue: [44],
    sentence: 'A token has an HMAC under the public key of the attestation service.',
    place: 'token',
    tpm: false,
    expected: refused('token_alg'),
  },
  'token-kid-unknown': {
    catalogue: [45],
    sentence: 'A token names a key that the attestation service does not have.',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'token-kid-path': {
    catalogue: [45],
    sentence: 'A token names its key by the path of a file.',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'token-header-jwk': {
    catalogue: [46],
    sentence: 'A token brings the key that it is signed with in its header (jwk).',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'token-header-jku': {
    catalogue: [46],
    sentence: 'A token says in its header where its key is to be fetched (jku).',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'token-header-x5c': {
    catalogue: [46],
    sentence: 'A token brings the certificate that it is signed with in its header (x5c).',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'token-expired': {
    catalogue: [47],
    sentence: 'A token is shown when its life and the leeway are over.',
    place: 'token',
    tpm: false,
    expected: refused('token_expired'),
  },
  'token-expired-within-leeway': {
    catalogue: [48],
    sentence: 'A token is shown when its life is over, but not yet the leeway.',
    place: 'token',
    tpm: false,
    expected: PASSES,
  },
  'token-not-yet-valid': {
    catalogue: [48],
    sentence: 'The clock of an attestation service is ahead by more than the leeway.',
    place: 'token',
    tpm: false,
    expected: refused('token_not_yet_valid'),
  },
  'token-early-within-leeway': {
    catalogue: [48],
    sentence: 'The clock of an attestation service is ahead by less than the leeway.',
    place: 'token',
    tpm: false,
    expected: PASSES,
  },
  'token-of-another-group': {
    catalogue: [49],
    sentence: 'A host attested to a service of another group.',
    place: 'token',
    tpm: false,
    expected: refused('issuer_not_in_group'),
  },
  'token-of-another-issuer': {
    catalogue: [49],
    sentence: 'A host attested to a service of the same group that the key provider service does not know.',
    place: 'token',
    tpm: false,
    expected: refused('issuer_not_in_group'),
  },
  'token-for-another-audience': {
    catalogue: [50],
    sentence: 'An attestation service of the group issued the token for another audience.',
    place: 'token',
    tpm: false,
    expected: refused('audience_mismatch'),
  },
  'token-reporting': {
    catalogue: [51],
    sentence: 'A host shows its REPORTING_JWT instead of its KMS_AUTH_JWT.',
    place: 'token',
    tpm: false,
    expected: refused('wrong_document_type'),
  },
  'token-of-another-host': {
    catalogue: [52],
    sentence: 'A host shows the token of another one.',
    place: 'token',
    tpm: false,
    expected: refused('holder_mismatch'),
  },
  'evidence-of-another-host': {
    catalogue: [52],
    sentence: 'A host sends the evidence of another one over its own connection.',
    place: 'service',
    tpm: true,
    expected: refused('holder_mismatch'),
  },
  'signing-certificate-rotated': {
    catalogue: [53],
    sentence: 'The attestation service got another signing certificate after the token was issued.',
    place: 'token',
    tpm: false,
    expected: refused('token_key_untrusted'),
  },
  'policy-changed-after-issue': {
    catalogue: [54],
    sentence:
      'The attestation service trusts no base image any more; a token from before stays good until it expires.',
    place: 'token',
    tpm: false,
    expected: PASSES,
  },
  'attestation-service-down': {
    catalogue: [55],
    sentence: 'The first attestation service of a group is down; the host attests to the next.',
    place: 'cluster',
    tpm: false,
    expected: PASSES,
  },
  'attestation-services-down': {
    catalogue: [55],
    sentence: 'All attestation services of a group are down.',
    place: 'cluster',
    tpm: false,
    expected: refused('attestation_service_unreachable'),
  },
  'token-issuer-down': {
    catalogue: [55],
    sentence:
      'The attestation service that issued a token went down before the key provider service ever asked for its signing certificate.',
    place: 'cluster',
    tpm: false,
    expected: refused('attestation_service_unreachable'),
  },
  'attestation-services-diverged': {
    catalogue: [56],
    sentence: 'The attestation services of a cluster are configured differently.',
    place: 'cluster',
    tpm: false,
    expected: refused('configuration_diverged'),
  },
  'principal-issuer-untrusted': {
    catalogue: [57],
    sentence: 'The host acts for a vCenter whose token service the key provider service does not trust.',
    place: 'cluster',
    tpm: false,
    expected: refused('sts_issuer_untrusted'),
  },
  'principal-not-entitled': {
    catalogue: [58],
    sentence: 'The host attested, but its vCenter is not entitled to use the provider.',
    place: 'cluster',
    tpm: false,
    expected: refused('principal_not_entitled'),
  },
  'primary-key-missing': {
    catalogue: [59],
    sentence: 'The key server has no key of the id that the provider names as its primary key.',
    place: 'key-server',
    tpm: false,
    expected: refused('WrappingKeyMissingInKMS'),
  },
  'primary-key-destroyed': {
    catalogue: [59],
    sentence: 'The primary key of the provider was destroyed in the key server.',
    place: 'key-server',
    tpm: false,
    expected: refused('WrappingKeyMissingInKMS'),
  },
  'primary-key-deactivated': {
    catalogue: [59],
    sentence: 'The primary key of the provider was deactivated in the key server.',
    place: 'key-server',
    tpm: false,
    expected: refused('WrappingKeyNotActiveOrEnabled'),
  },
  'key-server-down': {
    catalogue: [59],
    sentence: 'The key server of the provider is down.',
    place: 'key-server',
    tpm: false,
    expected: refused('key_server_unavailable'),
  },
  'tpm-object-memory': {
    catalogue: [60],
    sentence: 'The TPM says at a quote that it has no room for another object (0x902).',
    place: 'host',
    tpm: true,
    expected: refused('tpm_unavailable'),
  },
  'tpm-lockout': {
    catalogue: [60],
    sentence: 'The TPM says at a quote that it is in lockout (0x921).',
    place: 'host',
    tpm: true,
    expected: refused('tpm_unavailable'),
  },
  'tpm-retry-once': {
    catalogue: [60],
    sentence: 'The TPM asks once to send the quote command again (0x922); a correct host does, and attests.',
    place: 'host',
    tpm: true,
    expected: PASSES,
  },
  'tpm-failure-mode': {
    catalogue: [60],
    sentence: 'The TPM answers a command with failure mode (0x101).',
    place: 'host',
    tpm: true,
    expected: refused('tpm_unavailable'),
  },
  'administration-without-certificate': {
    catalogue: [61],
    sentence:
      'An attestation service and a key provider service are administrated without a client certificate.',
    place: 'service',
    tpm: false,
    expected: refused('client_certificate_missing'),
  },
} as const satisfies Record<string, ScenarioRow>;

/** Name of a scenario, for example `ek-certificate-expired`. */
export type ScenarioName = keyof typeof SCENARIOS;

/** All names, in the order of the catalogue. */
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as readonly ScenarioName[];

/** The row of a scenario. */
export function scenarioRow(name: ScenarioName): ScenarioRow {
  return SCENARIOS[name];
}

/** True if `text` is the name of a scenario. */
export function isScenarioName(text: string): text is ScenarioName {
  return Object.hasOwn(SCENARIOS, text);
}
