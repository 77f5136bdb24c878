import { byteString, textString } from '../schema/codec.js';
import type { Codec } from '../schema/codec.js';
import type { NameIn } from '../schema/enumeration.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, required, structure } from '../schema/structure.js';
import { ITEM_TYPES } from '../ttlv/types.js';

/** A function of PKCS #11 by its name or number, or one that a vendor defined, by its own number. */
export type Pkcs11Function = NameIn<'PKCS_11Function'> | number | { readonly vendorDefined: number };

const defined = enumeration('PKCS_11Function');

/** An Enumeration for functions that PKCS #11 defines, an Integer for those that vendors do. KMIP 2.1 §6.1.37. */
const pkcs11Function: Codec<Pkcs11Function> = {
  read: (reader, siblings) =>
    reader.type === ITEM_TYPES.Integer ? { vendorDefined: reader.integer() } : defined.read(reader, siblings),
  write: (writer, tag, value, siblings) => {
    if (typeof value === 'object') writer.integer(tag, value.vendorDefined);
    else defined.write(writer, tag, value, siblings);
  },
};

/** KMIP 2.1 §6.1.37. */
export const pkcs11Request = structure('PKCS#11 Request Payload', {
  interface: optional('PKCS_11Interface', textString),
  function: required('PKCS_11Function', pkcs11Function),
  correlationValue: optional('CorrelationValue', byteString),
  inputParameters: optional('PKCS_11InputParameters', byteString),
});

/** KMIP 2.1 §6.1.37. */
export const pkcs11Response = structure('PKCS#11 Response Payload', {
  interface: optional('PKCS_11Interface', textString),
  function: required('PKCS_11Function', pkcs11Function),
  correlationValue: optional('CorrelationValue', byteString),
  outputParameters: optional('PKCS_11OutputParameters', byteString),
  returnCode: required('PKCS_11ReturnCode', enumeration('PKCS_11ReturnCode')),
});
