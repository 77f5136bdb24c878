import { zeroise } from '../../core/secret.js';
import type { RequestPayload } from '../../wire/kmip/index.js';
import { beginDecryption, isAsymmetric } from '../cryptography/cipher.js';
import { effectiveParameters } from '../cryptography/key-use.js';
import { privateHalfOf, secretOf } from '../cryptography/object-keys.js';
import type { KeyedComputing } from '../cryptography/parts.js';
import { answeredData, demandData, demandOnlyAtBegin, withKey } from '../cryptography/parts.js';
import type { Transform } from '../cryptography/transform.js';
import { runWhole } from '../cryptography/transform.js';
import type { OperationHandler } from './handler.js';

const decryption: KeyedComputing<
  RequestPayload<'Decrypt'>,
  Transform,
  { readonly data: Buffer | undefined }
> = {
  operation: 'Decrypt',
  use: 'decrypt',
  begin(payload, key, scope) {
    demandData(payload);
    const { parameters, algorithm } = effectiveParameters(payload.cryptographicParameters, key);
    const cipherKey = isAsymmetric(algorithm) ? privateHalfOf(key) : secretOf(key);
    return beginDecryption(cipherKey, algorithm, parameters, {
      ivCounterNonce: payload.ivCounterNonce,
      additionalData: payload.additionalData,
      tag: payload.tag,
      heldBytesLimit: scope.config.limits.streamBytes,
    });
  },
  take(computation, { data, final }, payload, scope) {
    demandOnlyAtBegin(payload, payload.additionalData, 'Authenticated Encryption Additional Data');
    demandOnlyAtBegin(payload, payload.tag, 'Authenticated Encryption Tag');
    const plain = final ? runWhole(computation, data) : computation.update(data);
    scope.effects.whenDone(() => zeroise(plain));
    return { data: answeredData(plain, payload) };
  },
};

/** KMIP 1.4 §4.30, KMIP 2.1 §6.1.11. */
export const decrypt: OperationHandler<'Decrypt'> = (payload, scope) => withKey(decryption, payload, scope);
