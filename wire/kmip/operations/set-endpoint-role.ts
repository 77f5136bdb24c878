import { enumeration } from '../schema/enumeration.js';
import { required, structure } from '../schema/structure.js';

/** KMIP 2.1 §6.1.54: the role asked for, and the role taken. */
export const setEndpointRole = structure('Set Endpoint Role Payload', {
  endpointRole: required('EndpointRole', enumeration('EndpointRole')),
});
