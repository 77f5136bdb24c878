import { textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { keyWrappingSpecification } from '../structures/key-block.js';
import { managedObjectField } from '../structures/managed-object.js';

/** KMIP 1.4 §4.11. */
export const getRequest = structure('Get Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  keyFormatType: optional('KeyFormatType', enumeration('KeyFormatType')),
  keyWrapType: optional('KeyWrapType', enumeration('KeyWrapType'), { since: '1.4' }),
  keyCompressionType: optional('KeyCompressionType', enumeration('KeyCompressionType')),
  keyWrappingSpecification: optional('KeyWrappingSpecification', keyWrappingSpecification),
});

/** KMIP 1.4 §4.11. */
export const getResponse = structure('Get Response Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifier: required('UniqueIdentifier', textString),
  object: managedObjectField('required'),
});
