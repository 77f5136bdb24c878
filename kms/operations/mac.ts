import type { CryptographicParameters, NameIn, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { UsableObject } from '../cryptography/key-use.js';
import { effectiveParameters } from '../cryptography/key-use.js';
import type { MacComputation } from '../cryptography/mac.js';
import { beginMac, macEquals } from '../cryptography/mac.js';
import { secretOf } from '../cryptography/object-keys.js';
import type { KeyedComputing, PartPayload } from '../cryptography/parts.js';
import { demandData, withKey } from '../cryptography/parts.js';
import type { OperationHandler } from './handler.js';

interface MacAnswer {
  readonly macData: Buffer | undefined;
}

const generation: KeyedComputing<RequestPayload<'MAC'>, MacComputation, MacAnswer> = {
  operation: 'MAC',
  use: 'mac',
  begin,
  take(computation, { data, final }) {
    computation.update(data);
    return { macData: final ? computation.final() : undefined };
  },
};

interface MacVerification extends MacComputation {
  /** The code to verify, which may come with any part. */
  macData: Buffer | undefined;
}

interface ValidityAnswer {
  readonly validityIndicator: NameIn<'ValidityIndicator'> | undefined;
}

const verification: KeyedComputing<RequestPayload<'MACVerify'>, MacVerification, ValidityAnswer> = {
  operation: 'MACVerify',
  use: 'macVerify',
  begin: (payload, key) => ({ ...begin(payload, key), macData: undefined }),
  take(computation, { data, final }, payload) {
    if (payload.macData) computation.macData = Buffer.from(payload.macData);
    computation.update(data);
    if (!final) return { validityIndicator: undefined };
    if (!computation.macData) throw new KmipError('InvalidMessage', 'MAC Data must be given.');
    const valid = macEquals(computation.final(), computation.macData);
    return { validityIndicator: valid ? 'Valid' : 'Invalid' };
  },
};

function begin(
  payload: PartPayload & { readonly cryptographicParameters?: CryptographicParameters | undefined },
  key: UsableObject,
): MacComputation {
  demandData(payload);
  const { parameters, algorithm } = effectiveParameters(payload.cryptographicParameters, key);
  return beginMac(secretOf(key), algorithm, parameters);
}

/** KMIP 1.4 §4.33, KMIP 2.1 §6.1.32. */
export const mac: OperationHandler<'MAC'> = (payload, scope) => withKey(generation, payload, scope);

/** KMIP 1.4 §4.34, KMIP 2.1 §6.1.33. */
export const macVerify: OperationHandler<'MACVerify'> = (payload, scope) =>
  withKey(verification, payload, scope);
