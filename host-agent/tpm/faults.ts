import { ENDORSEMENT_KEY_FAULTS } from './faults/endorsement-key.js';
import { ATTESTATION_KEY_FAULTS } from './faults/attestation-key.js';
import { QUOTE_FAULTS } from './faults/quote.js';
import { CHALLENGE_FAULTS } from './faults/challenge.js';
import { POWER_FAULTS } from './faults/power.js';
import { EVENT_LOG_FAULTS } from './faults/event-log.js';
import { TRANSPORT_FAULTS } from './faults/transport.js';
import type { AnyFaultRow, TpmFaultStages } from './fault-stages.js';

/** A way to break evidence with the TPM, the keys, the quote or the log. */
export type TpmFault = AnyFaultRow<TpmFaultStages>;

/** All of them, in order of time; those of the boot itself are in `host-agent/boot/faults.ts`. */
export const TPM_FAULTS: readonly TpmFault[] = [
  ...ENDORSEMENT_KEY_FAULTS,
  ...TRANSPORT_FAULTS,
  ...ATTESTATION_KEY_FAULTS,
  ...POWER_FAULTS,
  ...CHALLENGE_FAULTS,
  ...QUOTE_FAULTS,
  ...EVENT_LOG_FAULTS,
];
