import { KmipError } from '../../wire/kmip/index.js';
import type { OperationHandler } from './handler.js';

/**
 * KMIP 2.1 §6.1.54. The server stays what it is: it has nothing to ask of its clients, and one that took the client's
 * role would leave the connection unusable.
 */
export const setEndpointRole: OperationHandler<'SetEndpointRole'> = ({ endpointRole }) => {
  if (endpointRole === 'Server') return { endpointRole };
  if (endpointRole === 'Client') {
    throw new KmipError(
      'PermissionDenied',
      'This server does not take the role of the client; ask for Server.',
    );
  }
  throw new KmipError('InvalidField', `There is no Endpoint Role 0x${endpointRole.toString(16)}.`);
};
