import { equalSecrets } from '../../../core/secret.js';
import {
  HASH_ALGORITHMS,
  TPMA_OBJECT,
  TPM_RC,
  TPM_ST,
  TpmError,
  readSigningScheme,
  readTicket,
  writeTpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { inParameter } from '../command-call.js';
import { chosenScheme, signingKey } from '../attestation.js';
import { signDigest } from '../digest-signing.js';
import { hashcheckTicket } from './hash.js';

/**
 * TPM2_Sign (TPM 2.0 Part 3 §20.2). A restricted key signs only a digest that this TPM computed itself with TPM2_Hash
 * over data that does not begin with TPM_GENERATED_VALUE, so no one can have it sign a forged attestation.
 */
export const sign: CommandHandler = (device, call) => {
  const key = signingKey(device, call.handle(1), 1);
  const digest = call.parameter((reader) => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
  const inScheme = call.parameter((reader) => readSigningScheme(reader));
  const validation = call.parameter(readTicket);
  call.end();
  const scheme = inParameter(2, () => chosenScheme(key, inScheme));
  if (key.has(TPMA_OBJECT.RESTRICTED)) {
    inParameter(3, () => {
      if (validation.tag !== TPM_ST.HASHCHECK || validation.digest.length === 0)
        throw new TpmError(TPM_RC.TICKET);
      const expected = hashcheckTicket(device, validation.hierarchy, scheme.hashAlg, digest);
      if (!equalSecrets(expected.digest, validation.digest)) throw new TpmError(TPM_RC.TICKET);
    });
  }
  const signature = inParameter(1, () => signDigest(key, scheme, digest));
  return {
    parameters: (writer) => {
      writeTpmtSignature(writer, signature);
    },
  };
};
