import { interval } from '../schema/codec.js';
import { optional, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { keyPairAttributeFields } from './create-key-pair.js';

/** KMIP 1.4 §4.5, KMIP 2.1 §6.1.47. */
export const rekeyKeyPairRequest = structure('Re-key Key Pair Request Payload', {
  privateKeyUniqueIdentifier: optional('PrivateKeyUniqueIdentifier', identifierReference),
  offset: optional('Offset', interval),
  ...keyPairAttributeFields,
});
