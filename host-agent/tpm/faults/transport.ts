import { FRAME_HEADER_BYTES, TPM_CC, TPM_RC, encodeErrorResponse } from '../../../wire/tpm2/index.js';
import type { FaultRow, TpmFaultStages } from '../fault-stages.js';
import type { TpmTransport } from '../transport.js';

type TransportFault = FaultRow<TpmFaultStages, 'transport'>;

/** A transport that answers TPM2_Quote itself, with a response code. */
function refusingQuotes(transport: TpmTransport, rc: number): TpmTransport {
  return {
    transmit: (command) => {
      const isQuote = command.length >= FRAME_HEADER_BYTES && command.readUInt32BE(6) === TPM_CC.Quote.code;
      return isQuote ? Promise.resolve(encodeErrorResponse(rc)) : transport.transmit(command);
    },
    close: () => transport.close(),
  };
}

/** Faults between the host and its TPM. */
export const TRANSPORT_FAULTS: readonly TransportFault[] = [
  {
    name: 'tpm-object-memory',
    catalogueNumbers: [60],
    sentence: 'The TPM says at a quote that it has no room for another object (0x902).',
    stage: 'transport',
    momentary: true,
    apply: (transport) => refusingQuotes(transport, TPM_RC.OBJECT_MEMORY),
  },
  {
    name: 'tpm-lockout',
    catalogueNumbers: [60],
    sentence: 'The TPM says at a quote that it is in lockout (0x921).',
    stage: 'transport',
    momentary: true,
    apply: (transport) => refusingQuotes(transport, TPM_RC.LOCKOUT),
  },
  {
    name: 'tpm-retry-once',
    catalogueNumbers: [60],
    sentence: 'The TPM asks once to send the quote command again (0x922); a correct host does, and attests.',
    stage: 'transport',
    momentary: true,
    apply: (transport) => refusingQuotes(transport, TPM_RC.RETRY),
  },
  {
    name: 'tpm-failure-mode',
    catalogueNumbers: [60],
    sentence: 'The TPM answers a command with failure mode (0x101).',
    stage: 'transport',
    momentary: true,
    apply: (transport) => ({
      transmit: () => Promise.resolve(encodeErrorResponse(TPM_RC.FAILURE)),
      close: () => transport.close(),
    }),
  },
];
