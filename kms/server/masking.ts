/** Fields of payloads whose content the journal never keeps: key material and passwords. */
export const SECRET_FIELDS: ReadonlySet<string> = new Set([
  'keyMaterial',
  'keyValue',
  'password',
  'opaqueDataValue',
]);
