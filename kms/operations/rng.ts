import { zeroise } from '../../core/secret.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { OperationHandler } from './handler.js';

/** KMIP 1.4 §4.35, KMIP 2.1 §6.1.49. */
export const rngRetrieve: OperationHandler<'RNGRetrieve'> = ({ dataLength }, scope) => {
  const { randomBytes } = scope.config.limits;
  if (dataLength < 0 || dataLength > randomBytes) {
    throw new KmipError(
      'InvalidField',
      `Data Length is ${dataLength}; this server gives 0 to ${randomBytes} bytes at once.`,
    );
  }
  const data = scope.server.random.retrieve(dataLength);
  scope.effects.whenDone(() => zeroise(data));
  return { data };
};

/** Answers how much of the seed is used. KMIP 1.4 §4.36, KMIP 2.1 §6.1.50. */
export const rngSeed: OperationHandler<'RNGSeed'> = ({ data }, scope) => {
  const { seed, seedBytes } = scope.config.rng;
  if (seed === 'refuse') {
    throw new KmipError('PermissionDenied', 'This server lets no client seed its random number generator.');
  }
  if (seed === 'ignore') return { dataLength: 0 };
  const used = data.subarray(0, seedBytes);
  scope.server.random.seed(used);
  return { dataLength: used.length };
};
