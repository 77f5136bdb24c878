import { structure } from '../schema/structure.js';

/** The payload of operations that carry nothing, as Ping (KMIP 2.1 §6.1.36) and the answers to Log and Logout. */
export const emptyPayload = structure('Payload', {});
