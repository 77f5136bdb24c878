/** Tag bytes of DER (X.690 §8.1.2); one of a context is its number added to {@link DER_TAG.context}. */
export const DER_TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
  /** In the place of the tag of a primitive value. */
  contextPrimitive: 0x80,
  /** Around a value. */
  context: 0xa0,
} as const;
