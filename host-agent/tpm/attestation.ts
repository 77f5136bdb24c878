import {
  TPMA_OBJECT,
  TPM_GENERATED_VALUE,
  TPM_RC,
  TPM_RH,
  TpmError,
  encodeTpmsAttest,
  handleRc,
  kdfA,
  signMessage,
} from '../../wire/tpm2/index.js';
import type { Attested, SigningScheme, TpmtSignature } from '../../wire/tpm2/index.js';
import type { TpmDevice } from './device.js';
import type { TpmObject } from './tpm-object.js';

/**
 * The scheme that a key signs with: its own, or for a key without one that of the command (TPM 2.0 Part 3 §18.2).
 *
 * @throws TpmError TPM_RC_SCHEME if the two disagree or there is none
 */
export function chosenScheme(key: TpmObject, inScheme: SigningScheme | undefined): SigningScheme {
  const own = key.publicArea.scheme;
  if (own === undefined) {
    if (inScheme === undefined) throw new TpmError(TPM_RC.SCHEME);
    return inScheme;
  }
  if (inScheme !== undefined && (inScheme.scheme !== own.scheme || inScheme.hashAlg !== own.hashAlg)) {
    throw new TpmError(TPM_RC.SCHEME);
  }
  return own;
}

/** The key at the handle of `position`, if it can sign. @throws TpmError TPM_RC_KEY if it cannot */
export function signingKey(device: TpmDevice, handle: number, position: number): TpmObject {
  const key = device.object(handle, position);
  if (!key.has(TPMA_OBJECT.SIGN) || key.publicArea.type === 'KEYEDHASH') {
    throw new TpmError(handleRc(TPM_RC.KEY, position));
  }
  return key;
}

/** Makes and signs an attestation structure (TPM 2.0 Part 3 §18.1). */
export function attestAndSign(
  device: TpmDevice,
  key: TpmObject,
  scheme: SigningScheme,
  extraData: Buffer,
  attested: Attested,
): { attest: Buffer; signature: TpmtSignature } {
  const attest = encodeTpmsAttest({
    magic: TPM_GENERATED_VALUE,
    qualifiedSigner: key.qualifiedName,
    extraData,
    ...reportedVersions(device, key),
    attested,
  });
  return { attest, signature: signMessage(key.privateKey, scheme, attest) };
}

/** Outside of the endorsement and platform hierarchies, counters and version are disguised (TPM 2.0 Part 1 §36.7). */
function reportedVersions(
  device: TpmDevice,
  key: TpmObject,
): { clockInfo: ReturnType<TpmDevice['clockInfo']>; firmwareVersion: bigint } {
  const clockInfo = device.clockInfo();
  const { firmwareVersion } = device.permanent;
  if (key.hierarchy === TPM_RH.ENDORSEMENT || key.hierarchy === TPM_RH.PLATFORM) {
    return { clockInfo, firmwareVersion };
  }
  const disguise = kdfA('SHA256', device.permanent.proofs.OWNER, {
    label: 'OBFUSCATE',
    contextU: key.qualifiedName,
    bits: 128,
  });
  return {
    firmwareVersion: BigInt.asUintN(64, firmwareVersion + disguise.readBigUInt64BE(0)),
    clockInfo: {
      ...clockInfo,
      resetCount: (clockInfo.resetCount + disguise.readUInt32BE(8)) >>> 0,
      restartCount: (clockInfo.restartCount + disguise.readUInt32BE(12)) >>> 0,
    },
  };
}
