import type { TpmTransport } from '../../../host-agent/tpm/index.js';
import {
  TPM_RC,
  TPM_RH,
  TpmError,
  decodeResponse,
  encodeCommand,
  encodeWhole,
} from '../../../wire/tpm2/index.js';
import type { AuthCommand, CommandName, TpmResponseFrame, TpmWriter } from '../../../wire/tpm2/index.js';

const NOTHING = Buffer.alloc(0);

/** A password authorization. */
export function byPassword(value = ''): AuthCommand {
  return { sessionHandle: TPM_RH.PW, nonce: NOTHING, attributes: 0, hmac: Buffer.from(value) };
}

/** A policy session that goes on. */
export function byPolicy(session: number): AuthCommand {
  return { sessionHandle: session, nonce: NOTHING, attributes: 1, hmac: NOTHING };
}

/**
 * Sends one command that the typed client does not offer; again if the TPM asks for it.
 *
 * @throws TpmError if the TPM refuses
 */
export async function command(
  transport: TpmTransport,
  name: CommandName,
  handles: readonly number[] = [],
  write: (writer: TpmWriter) => unknown = () => undefined,
  sessions: readonly AuthCommand[] = [],
): Promise<TpmResponseFrame> {
  const frame = encodeCommand({ name, handles, sessions, parameters: encodeWhole(write) });
  for (let attempt = 1; ; attempt += 1) {
    const response = decodeResponse(name, await transport.transmit(frame));
    if (response.rc === TPM_RC.SUCCESS) return response;
    if (response.rc !== TPM_RC.RETRY || attempt === 5) throw new TpmError(response.rc, `TPM2_${name}`);
  }
}
