import { textString } from '../schema/codec.js';
import { required, structure } from '../schema/structure.js';

/** KMIP 2.1 §6.1.29. */
export const logRequest = structure('Log Request Payload', {
  logMessage: required('LogMessage', textString),
});
