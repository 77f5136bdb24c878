import type { Hash } from 'node:crypto';

import type { RequestPayload } from '../../wire/kmip/index.js';
import { beginHash } from '../cryptography/hash.js';
import type { KeylessComputing } from '../cryptography/parts.js';
import { demandData, withoutKey } from '../cryptography/parts.js';
import type { OperationHandler } from './handler.js';

const hashing: KeylessComputing<RequestPayload<'Hash'>, Hash, { readonly data: Buffer | undefined }> = {
  operation: 'Hash',
  begin(payload) {
    demandData(payload);
    return beginHash(payload.cryptographicParameters.hashingAlgorithm);
  },
  take(computation, { data, final }) {
    computation.update(data);
    return { data: final ? computation.digest() : undefined };
  },
};

/** KMIP 1.4 §4.37, KMIP 2.1 §6.1.24. */
export const hash: OperationHandler<'Hash'> = (payload, scope) => withoutKey(hashing, payload, scope);
