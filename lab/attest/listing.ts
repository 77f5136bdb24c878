import { EVIDENCE_FAULTS } from '../../host-agent/index.js';
import { SCENARIO_NAMES, reasonRow, scenarioRow } from '../../wire/attestation/index.js';
import type {
  AttestationReason,
  ReasonRow,
  ScenarioName,
  ScenarioPlace,
} from '../../wire/attestation/index.js';

/** A scenario of the catalogue as it is listed: with what its reason says. */
export interface ListedScenario {
  readonly name: ScenarioName;
  readonly catalogue: readonly number[];
  readonly sentence: string;
  readonly place: ScenarioPlace;
  /** It is worth running with swtpm. */
  readonly tpm: boolean;
  /** When it bites if it is injected into a host; absent for a scenario that only `kpsim attest run` plays. */
  readonly injected?: ListedFault['bites'];
  /** Absent where a correct verifier has nothing to refuse. */
  readonly reason?: AttestationReason;
  readonly step?: string;
  readonly severity?: ReasonRow['severity'];
  readonly recoverable?: boolean;
}

/** The whole catalogue, in its order. */
export function scenarioList(): readonly ListedScenario[] {
  return SCENARIO_NAMES.map((name) => {
    const { catalogue, sentence, place, tpm, expected } = scenarioRow(name);
    const bites = EVIDENCE_FAULTS.find((fault) => fault.name === name)?.bites;
    const base = { name, catalogue, sentence, place, tpm, ...(bites && { injected: bites }) };
    if (expected.outcome === 'passes') return base;
    const { step, severity, recoverable } = reasonRow(expected.reason);
    return { ...base, reason: expected.reason, step, severity, recoverable };
  });
}

/** An evidence fault as it is listed. */
export interface ListedFault {
  readonly name: string;
  readonly catalogue: readonly number[];
  readonly sentence: string;
  /** It strikes once. */
  readonly momentary: boolean;
  /** Whether it bites with the next boot of the host or with its next attestation. */
  readonly bites: 'boot' | 'attestation';
}

/** The evidence faults that can be injected into a host. */
export function faultList(): readonly ListedFault[] {
  return EVIDENCE_FAULTS.map(({ name, catalogueNumbers, sentence, momentary, bites }) => ({
    name,
    catalogue: catalogueNumbers,
    sentence,
    momentary,
    bites,
  }));
}
