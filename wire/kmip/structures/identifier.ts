import { KmipError } from '../errors.js';
import type { Codec } from '../schema/codec.js';
import type { EnumerationValue } from '../schema/enumeration.js';
import { enumeration } from '../schema/enumeration.js';
import { ITEM_TYPES } from '../ttlv/types.js';
import { RANK_2_0 } from '../versions.js';

/**
 * A Unique Identifier as a request may give it: the identifier itself, or from KMIP 2.0 a reference to one that an
 * earlier item of the batch made known (KMIP 2.1 §4.58).
 */
export type IdentifierReference =
  | string
  /** The identifier that the latest operation of that kind returned. */
  | { readonly of: EnumerationValue<'UniqueIdentifier'> }
  /** The n-th identifier of the response, from 0; negative counts backwards. */
  | { readonly index: number };

const named = enumeration('UniqueIdentifier');

/** A Unique Identifier: Text String, and from KMIP 2.0 also Enumeration or Integer. */
export const identifierReference: Codec<IdentifierReference> = {
  read(reader, siblings) {
    if (reader.rank >= RANK_2_0) {
      if (reader.type === ITEM_TYPES.Enumeration) return { of: named.read(reader, siblings) };
      if (reader.type === ITEM_TYPES.Integer) return { index: reader.integer() };
    }
    return reader.textString();
  },
  write(writer, tag, value, siblings) {
    if (typeof value === 'string') {
      writer.textString(tag, value);
      return;
    }
    if (writer.rank < RANK_2_0) {
      throw new KmipError('InvalidField', 'Before KMIP 2.0 a Unique Identifier can only be given as text.');
    }
    if ('of' in value) {
      named.write(writer, tag, value.of, siblings);
      return;
    }
    writer.integer(tag, value.index);
  },
};
