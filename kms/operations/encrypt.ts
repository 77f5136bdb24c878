import type { RequestPayload } from '../../wire/kmip/index.js';
import { rankOf } from '../../wire/kmip/index.js';
import type { Encryption } from '../cryptography/cipher.js';
import { beginEncryption, isAsymmetric } from '../cryptography/cipher.js';
import { effectiveParameters } from '../cryptography/key-use.js';
import { publicHalfOf, secretOf } from '../cryptography/object-keys.js';
import type { KeyedComputing } from '../cryptography/parts.js';
import { answeredData, demandData, demandOnlyAtBegin, withKey } from '../cryptography/parts.js';
import { runWhole } from '../cryptography/transform.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

type Payload = RequestPayload<'Encrypt'>;

const encryption: KeyedComputing<Payload, Encryption, ReturnType<typeof take>> = {
  operation: 'Encrypt',
  use: 'encrypt',
  begin(payload, key, scope) {
    demandData(payload);
    const { parameters, algorithm } = effectiveParameters(payload.cryptographicParameters, key);
    const cipherKey = isAsymmetric(algorithm) ? publicHalfOf(key) : secretOf(key);
    return beginEncryption(cipherKey, algorithm, parameters, {
      ivCounterNonce: payload.ivCounterNonce,
      additionalData: payload.additionalData,
      heldBytesLimit: scope.config.limits.streamBytes,
    });
  },
  take,
};

function take(
  computation: Encryption,
  { data, final }: { readonly data: Buffer; readonly final: boolean },
  payload: Payload,
  scope: RequestScope,
) {
  demandOnlyAtBegin(payload, payload.additionalData, 'Authenticated Encryption Additional Data');
  const output = final ? runWhole(computation, data) : computation.update(data);
  const tag = final ? computation.tag?.() : undefined;
  return {
    ...(hasTagField(scope)
      ? { data: answeredData(output, payload), tag }
      : { data: answeredData(tag ? Buffer.concat([output, tag]) : output, payload), tag: undefined }),
    ivCounterNonce: payload.correlationValue === undefined ? computation.ivCounterNonce : undefined,
  };
}

/** Before KMIP 1.4 there is no field for the tag of GCM and CCM: it is the end of the data. Own choice. */
function hasTagField(scope: RequestScope): boolean {
  return scope.rank >= rankOf('1.4');
}

/** KMIP 1.4 §4.29, KMIP 2.1 §6.1.17. */
export const encrypt: OperationHandler<'Encrypt'> = (payload, scope) => withKey(encryption, payload, scope);
