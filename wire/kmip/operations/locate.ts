import { attributePattern, attributePatterns } from '../attributes/attribute.js';
import { integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, structure } from '../schema/structure.js';

/** KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */
export const locateRequest = structure('Locate Request Payload', {
  maximumItems: optional('MaximumItems', integer),
  offsetItems: optional('OffsetItems', integer, { since: '1.3' }),
  storageStatusMask: optional('StorageStatusMask', integer),
  objectGroupMember: optional('ObjectGroupMember', enumeration('ObjectGroupMember'), { since: '1.1' }),
  attributes: multiple('Attribute', attributePattern, { since: '1.0', until: '1.4' }),
  attributesStructure: optional('Attributes', attributePatterns, { since: '2.0' }),
});

/** KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */
export const locateResponse = structure('Locate Response Payload', {
  locatedItems: optional('LocatedItems', integer, { since: '1.3' }),
  uniqueIdentifiers: multiple('UniqueIdentifier', textString),
});
