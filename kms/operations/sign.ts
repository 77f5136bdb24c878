import type { RequestPayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { effectiveParameters } from '../cryptography/key-use.js';
import { privateHalfOf } from '../cryptography/object-keys.js';
import type { KeyedComputing } from '../cryptography/parts.js';
import { demandData, withKey } from '../cryptography/parts.js';
import type { SignatureComputation } from '../cryptography/signature.js';
import { beginSignature, signDigest } from '../cryptography/signature.js';
import type { OperationHandler } from './handler.js';

interface Answer {
  readonly signatureData: Buffer | undefined;
}

const signing: KeyedComputing<RequestPayload<'Sign'>, SignatureComputation, Answer> = {
  operation: 'Sign',
  use: 'sign',
  begin(payload, object, scope) {
    const given = {
      ...effectiveParameters(payload.cryptographicParameters, object),
      key: privateHalfOf(object),
      heldBytesLimit: scope.config.limits.streamBytes,
    };
    const { digestedData } = payload;
    if (digestedData === undefined) {
      demandData(payload);
      return beginSignature(given);
    }
    demandDigestAlone(payload);
    return { update: () => undefined, final: () => signDigest(given, digestedData) };
  },
  take(computation, { data, final }, payload) {
    if (payload.correlationValue !== undefined) demandNoDigest(payload);
    computation.update(data);
    return { signatureData: final ? computation.final() : undefined };
  },
};

/** @throws KmipError `InvalidField` if a digest does not come alone and in one request */
export function demandDigestAlone(payload: {
  readonly data?: Buffer | undefined;
  readonly initIndicator?: boolean | undefined;
}): void {
  if (payload.data === undefined && payload.initIndicator !== true) return;
  throw new KmipError(
    'InvalidField',
    'Digested Data come alone, in a single request. Leave Data and Init Indicator out.',
  );
}

/** @throws KmipError `InvalidField` if there is a digest */
export function demandNoDigest({ digestedData }: { readonly digestedData?: Buffer | undefined }): void {
  if (digestedData === undefined) return;
  throw new KmipError('InvalidField', 'An operation in several parts takes Data, not Digested Data.');
}

/** KMIP 1.4 §4.31, KMIP 2.1 §6.1.55. */
export const signOperation: OperationHandler<'Sign'> = (payload, scope) => withKey(signing, payload, scope);
