/** A host's TPM 2.0: the built-in software TPM, the ways to a TPM, typed commands over them, its maker, its faults. */
export { issueEkCertificate, EK_CERTIFICATE_USAGE } from './ek-certificate.js';
export type { EkCertificateProfile, EkIssuer, TpmIdentity } from './ek-certificate.js';
export { EndorsementPool } from './endorsement-pool.js';
export * from './device/index.js';
export type {
  AnyFaultRow,
  AskChallenge,
  ChallengeParts,
  EvidenceParts,
  FaultMemory,
  FaultRow,
  HelloParts,
  HostControls,
  QuoteParts,
  QuoteRequest,
  TakeQuote,
  TpmFaultStages,
} from './fault-stages.js';
export { TPM_FAULTS } from './faults.js';
export type { TpmFault } from './faults.js';
export { manufacture } from './manufacture.js';
export type { ManufactureOptions } from './manufacture.js';
export { SoftwareTpm, SoftwareTpmTransport } from './software-tpm.js';
export type { SoftwareTpmOptions } from './software-tpm.js';
export { SwtpmServer } from './swtpm-server.js';
export type { SwtpmServerOptions } from './swtpm-server.js';
export { SwtpmTransport } from './swtpm-transport.js';
export { SwtpmControlClient } from './swtpm-control-client.js';
export type { SwtpmAddress } from './swtpm-control-client.js';
export { TpmClient } from './tpm-client.js';
export type { HierarchyName, SignedAttest, TpmKey } from './tpm-client.js';
export { createTpmVendor, openTpmVendor } from './tpm-vendor.js';
export type { TpmVendor } from './tpm-vendor.js';
export type { TpmTransport } from './transport.js';
