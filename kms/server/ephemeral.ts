import type { OperationName } from '../../wire/kmip/index.js';

/** Where operations return the data that they made; what RNG Retrieve made is of no use unless it is returned. */
const DATA_FIELDS: Partial<Record<OperationName, string>> = {
  Encrypt: 'data',
  Decrypt: 'data',
  Hash: 'data',
  MAC: 'macData',
  Sign: 'signatureData',
};

/** A response payload without the data that the operation made, for batch items marked Ephemeral (KMIP 2.1 §8.3). */
export function withoutData(operation: OperationName, payload: unknown): unknown {
  const field = DATA_FIELDS[operation];
  if (field === undefined || typeof payload !== 'object' || payload === null) return payload;
  return Object.fromEntries(Object.entries(payload).filter(([key]) => key !== field));
}
