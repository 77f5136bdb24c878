/**
 * kpsim from TypeScript: labs for tests in any runner.
 *
 * ```ts
 * import { builtInTopology, startLab } from 'kpsim';
 *
 * const lab = await startLab(builtInTopology());
 * const client = await lab.vcenter('vc-east').client();
 * await lab.stop();
 * ```
 */
export { ConfigError } from '../core/config/index.js';
export type { ConfigProblem } from '../core/config/index.js';
export { AdjustableClock, systemClock } from '../core/clock.js';
export type { Clock } from '../core/clock.js';
export { KpsimError } from '../core/errors.js';
export type { FaultAction, FaultSpec } from '../core/fault-spec.js';
export { createLogger } from '../core/logging.js';
export { seededRng, systemRng } from '../core/rng.js';
export { HttpStatusError, VapiError } from '../core/http/index.js';
export { HostAgentClient } from '../host-agent/client.js';
export { KmipClient, KmipConnectionError, KmipError } from '../kms/client.js';
export { AttestationClient, KeyProviderServiceClient } from '../trust-authority/client.js';
export { VcenterClient, rulesOf } from '../vcenter/client.js';
export { VimFault } from '../wire/vim25/index.js';
export { EVIDENCE_FAULTS } from '../host-agent/index.js';
export { ATTESTATION_REASONS, SCENARIOS } from '../wire/attestation/index.js';
export { runScenarios } from './attest/index.js';
export type { RunOptions, ScenarioResult } from './attest/index.js';
export { CertificateStore } from './certificates.js';
export type { IdentityFiles } from './certificates.js';
export { clientEnvironment, exportLines } from './client-environment.js';
export { encryptVm, importVm } from './configure/vms.js';
export type { VmSource } from './configure/vms.js';
export { runDemo } from './demo/demo.js';
export type { DemoOptions, DemoReport, Evidence, Expectation, Refusal, StepReport } from './demo/demo.js';
export { Lab, startLab } from './lab.js';
export type { LabOptions } from './lab.js';
export * from './services/index.js';
export * from './topology/index.js';
