import type { EnumerationValue, ManagedObjectValue } from '../../wire/kmip/index.js';

/** A symmetric key as the server makes it: Raw. The key material is kept, not copied. */
export function symmetricKey(
  keyMaterial: Buffer,
  cryptographicAlgorithm: EnumerationValue<'CryptographicAlgorithm'>,
  cryptographicLength: number,
): ManagedObjectValue {
  return {
    objectType: 'SymmetricKey',
    keyBlock: {
      keyFormatType: 'Raw',
      keyValue: { keyMaterial },
      cryptographicAlgorithm,
      cryptographicLength,
    },
  };
}

/**
 * Secret Data as the server makes it: Opaque, without algorithm and length in the Key Block, as the OASIS test case
 * TC-CREATE-SD-1-14 has it. The key material is kept, not copied.
 */
export function secretData(
  keyMaterial: Buffer,
  secretDataType: EnumerationValue<'SecretDataType'>,
): ManagedObjectValue {
  return {
    objectType: 'SecretData',
    secretDataType,
    keyBlock: { keyFormatType: 'Opaque', keyValue: { keyMaterial } },
  };
}
