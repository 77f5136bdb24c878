import {
  HASH_ALGORITHMS,
  TPM_RC,
  TPM_RH,
  TPM_ST,
  TpmError,
  digestBytes,
  parameterRc,
  writeTicket,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { extendPolicy, policyHash, policySession } from '../policy.js';

/** TPM2_PolicySecret (TPM 2.0 Part 3 §23.4): the policy demands knowledge of the authorization value of an entity. */
export const policySecret: CommandHandler = (device, call) => {
  const entityName = device.entityName(call.handle(1), 1);
  const session = policySession(device, call.handle(2), 2);
  const nonceTpm = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const cpHash = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const policyRef = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const expirationSeconds = call.parameter((reader) => reader.u32() | 0);
  call.end();
  if (session.type !== 'TRIAL') {
    if (nonceTpm.length !== 0 && !nonceTpm.equals(session.nonceTpm)) {
      throw new TpmError(parameterRc(TPM_RC.NONCE, 1));
    }
    if (cpHash.length !== 0) {
      if (cpHash.length !== digestBytes(session.authHash)) throw new TpmError(parameterRc(TPM_RC.SIZE, 2));
      if (session.policyCpHash !== undefined && !session.policyCpHash.equals(cpHash)) {
        throw new TpmError(TPM_RC.CPHASH);
      }
      session.policyCpHash = Buffer.from(cpHash);
    }
    if (expirationSeconds !== 0) {
      const expiresAtMs = device.timeMs + Math.abs(expirationSeconds) * 1000;
      session.expiresAtMs = Math.min(session.expiresAtMs ?? expiresAtMs, expiresAtMs);
    }
  }
  extendPolicy(session, 'PolicySecret', entityName);
  session.policyDigest = policyHash(session, session.policyDigest, policyRef);
  // No ticket is made: TPM2_PolicyTicket, which would take it, is not offered.
  const ticket = { tag: TPM_ST.AUTH_SECRET, hierarchy: TPM_RH.NULL, digest: Buffer.alloc(0) };
  return {
    parameters: (writer) => {
      writer.sized(Buffer.alloc(0));
      writeTicket(writer, ticket);
    },
  };
};
