import { createHash } from 'node:crypto';
import {
  HASH_ALGORITHMS,
  TPM_GENERATED_VALUE,
  TPM_RH,
  TPM_ST,
  encodeWhole,
  readHashAlgorithm,
  writeTicket,
} from '../../../wire/tpm2/index.js';
import type { HashAlgorithm, Ticket } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import type { TpmDevice } from '../device.js';

const MOST_BYTES = 1024;

/** TPM2_Hash (TPM 2.0 Part 3 §15.4): the ticket says that the TPM saw the data and it does not look like the TPM's own. */
export const hash: CommandHandler = (device, call) => {
  const data = call.parameter((reader) => reader.sized(MOST_BYTES));
  const hashAlg = call.parameter(readHashAlgorithm);
  const hierarchy = call.parameter((reader) => reader.u32());
  call.end();
  inParameter(3, () => device.hierarchySecrets(hierarchy));
  const digest = createHash(HASH_ALGORITHMS[hashAlg].nodeName).update(data).digest();
  const looksGenerated = data.length >= 4 && data.readUInt32BE(0) === TPM_GENERATED_VALUE;
  const ticket: Ticket =
    looksGenerated || hierarchy === TPM_RH.NULL
      ? { tag: TPM_ST.HASHCHECK, hierarchy: TPM_RH.NULL, digest: Buffer.alloc(0) }
      : hashcheckTicket(device, hierarchy, hashAlg, digest);
  return {
    parameters: (writer) => {
      writer.sized(digest);
      writeTicket(writer, ticket);
    },
  };
};

/** The ticket of a digest that this TPM computed over data that does not begin with TPM_GENERATED_VALUE. */
export function hashcheckTicket(
  device: TpmDevice,
  hierarchy: number,
  hashAlg: HashAlgorithm,
  digest: Buffer,
): Ticket {
  const head = encodeWhole((writer) => writer.u16(TPM_ST.HASHCHECK).u16(HASH_ALGORITHMS[hashAlg].id));
  return { tag: TPM_ST.HASHCHECK, hierarchy, digest: device.proofHmac(hierarchy, head, digest) };
}
