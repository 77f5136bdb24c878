import type { NameIn, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { effectiveParameters } from '../cryptography/key-use.js';
import { publicHalfOf } from '../cryptography/object-keys.js';
import type { KeyedComputing } from '../cryptography/parts.js';
import { withKey } from '../cryptography/parts.js';
import { beginVerification, recoverData, verifyDigest } from '../cryptography/signature.js';
import { demandDigestAlone, demandNoDigest } from './sign.js';
import type { OperationHandler } from './handler.js';

/** What a verification tells. */
interface Answer {
  readonly validityIndicator: NameIn<'ValidityIndicator'> | undefined;
  /** Data recovered from the signature. */
  readonly data: Buffer | undefined;
}

interface Verification {
  readonly update: (part: Buffer) => void;
  readonly final: (signature: Buffer) => Answer;
  /** The signature, which may come with any part. */
  signature: Buffer | undefined;
}

const verification: KeyedComputing<RequestPayload<'SignatureVerify'>, Verification, Answer> = {
  operation: 'SignatureVerify',
  use: 'verify',
  begin(payload, object, scope) {
    const given = {
      ...effectiveParameters(payload.cryptographicParameters, object),
      key: publicHalfOf(object),
      heldBytesLimit: scope.config.limits.streamBytes,
    };
    const { data, digestedData, initIndicator } = payload;
    const signature = undefined;
    const nothing = (): void => undefined;
    if (digestedData !== undefined) {
      demandDigestAlone(payload);
      return { update: nothing, final: (it) => answer(verifyDigest(given, digestedData, it)), signature };
    }
    if (data === undefined && initIndicator !== true) {
      return { update: nothing, final: (it) => recovered(recoverData(given, it)), signature };
    }
    const computation = beginVerification(given);
    return {
      update: (part) => computation.update(part),
      final: (it) => answer(computation.final(it)),
      signature,
    };
  },
  take(computation, { data, final }, payload) {
    if (payload.correlationValue !== undefined) demandNoDigest(payload);
    if (payload.signatureData) computation.signature = Buffer.from(payload.signatureData);
    computation.update(data);
    if (!final) return { validityIndicator: undefined, data: undefined };
    if (!computation.signature) throw new KmipError('InvalidMessage', 'Signature Data must be given.');
    return computation.final(computation.signature);
  },
};

function answer(valid: boolean): Answer {
  return { validityIndicator: valid ? 'Valid' : 'Invalid', data: undefined };
}

function recovered(data: Buffer | undefined): Answer {
  return { ...answer(data !== undefined), data };
}

/** KMIP 1.4 §4.32, KMIP 2.1 §6.1.56. */
export const signatureVerify: OperationHandler<'SignatureVerify'> = (payload, scope) =>
  withKey(verification, payload, scope);
