import { textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { required, structure } from '../schema/structure.js';

/** KMIP 2.1 §6.1.26. */
export const interopRequest = structure('Interop Request Payload', {
  interopFunction: required('InteropFunction', enumeration('InteropFunction')),
  interopIdentifier: required('InteropIdentifier', textString),
});
