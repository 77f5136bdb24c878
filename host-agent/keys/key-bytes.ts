/** The only algorithm of key encryption keys (vSphere: AES-256 from every kind of provider). */
export const KEK_ALGORITHM = 'AES-256';
/** Bytes of a key encryption key. */
export const KEK_BYTES = 32;
