import {
  HASH_ALGORITHMS,
  TPMA_OBJECT,
  TPM_RC,
  TPM_RH,
  TPM_ST,
  TpmError,
  encodeWhole,
  handleRc,
  readTpmtSignature,
  writeTicket,
} from '../../../wire/tpm2/index.js';
import type { Ticket } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import type { TpmDevice } from '../device.js';
import { verifyDigest } from '../digest-verification.js';
import type { TpmObject } from '../tpm-object.js';

/**
 * TPM2_VerifySignature (TPM 2.0 Part 3 §20.1) with an asymmetric key, of which the public part is enough. The ticket
 * says that this TPM has verified this digest with this key.
 */
export const verifySignatureCommand: CommandHandler = (device, call) => {
  const key = device.object(call.handle(1), 1);
  const digest = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const signature = call.parameter(readTpmtSignature);
  call.end();
  if (!key.has(TPMA_OBJECT.SIGN)) throw new TpmError(handleRc(TPM_RC.ATTRIBUTES, 1));
  inParameter(2, () => {
    if (key.publicArea.type === 'KEYEDHASH') throw new TpmError(TPM_RC.SCHEME);
    const { scheme } = key.publicArea;
    const agrees =
      scheme === undefined || (scheme.scheme === signature.sigAlg && scheme.hashAlg === signature.hashAlg);
    if (!agrees || !verifyDigest(key.publicArea, signature, digest)) throw new TpmError(TPM_RC.SIGNATURE);
  });
  return {
    parameters: (writer) => {
      writeTicket(writer, verifiedTicket(device, key, digest));
    },
  };
};

/** TPMT_TK_VERIFIED (TPM 2.0 Part 2 §10.7.4); of a key of the null hierarchy an empty one. */
function verifiedTicket(device: TpmDevice, key: TpmObject, digest: Buffer): Ticket {
  const { hierarchy, name } = key;
  const tag = TPM_ST.VERIFIED;
  if (hierarchy === TPM_RH.NULL) return { tag, hierarchy, digest: Buffer.alloc(0) };
  const head = encodeWhole((writer) => writer.u16(tag));
  return { tag, hierarchy, digest: device.proofHmac(hierarchy, head, digest, name) };
}
