import type { EnumerationRow } from './row.js';

/* Enumerations: algorithms, modes and methods of cryptography. KMIP 1.4 §9.1.3.2, KMIP 2.1 §11. */

/** Cryptographic Algorithm Enumeration. */
export const CryptographicAlgorithmValues = {
  DES: { value: 0x00000001, since: '1.0' },
  DES3: { value: 0x00000002, since: '1.0' },
  AES: { value: 0x00000003, since: '1.0' },
  RSA: { value: 0x00000004, since: '1.0' },
  DSA: { value: 0x00000005, since: '1.0' },
  ECDSA: { value: 0x00000006, since: '1.0' },
  HMAC_SHA1: { value: 0x00000007, since: '1.0' },
  HMAC_SHA224: { value: 0x00000008, since: '1.0' },
  HMAC_SHA256: { value: 0x00000009, since: '1.0' },
  HMAC_SHA384: { value: 0x0000000a, since: '1.0' },
  HMAC_SHA512: { value: 0x0000000b, since: '1.0' },
  HMAC_MD5: { value: 0x0000000c, since: '1.0' },
  DH: { value: 0x0000000d, since: '1.0' },
  ECDH: { value: 0x0000000e, since: '1.0' },
  ECMQV: { value: 0x0000000f, since: '1.0' },
  Blowfish: { value: 0x00000010, since: '1.0' },
  Camellia: { value: 0x00000011, since: '1.0' },
  CAST5: { value: 0x00000012, since: '1.0' },
  IDEA: { value: 0x00000013, since: '1.0' },
  MARS: { value: 0x00000014, since: '1.0' },
  RC2: { value: 0x00000015, since: '1.0' },
  RC4: { value: 0x00000016, since: '1.0' },
  RC5: { value: 0x00000017, since: '1.0' },
  SKIPJACK: { value: 0x00000018, since: '1.0' },
  Twofish: { value: 0x00000019, since: '1.0' },
  EC: { value: 0x0000001a, since: '1.2' },
  OneTimePad: { value: 0x0000001b, since: '1.3' },
  ChaCha20: { value: 0x0000001c, since: '1.4' },
  Poly1305: { value: 0x0000001d, since: '1.4' },
  ChaCha20Poly1305: { value: 0x0000001e, since: '1.4' },
  SHA3_224: { value: 0x0000001f, since: '1.4' },
  SHA3_256: { value: 0x00000020, since: '1.4' },
  SHA3_384: { value: 0x00000021, since: '1.4' },
  SHA3_512: { value: 0x00000022, since: '1.4' },
  HMAC_SHA3_224: { value: 0x00000023, since: '1.4' },
  HMAC_SHA3_256: { value: 0x00000024, since: '1.4' },
  HMAC_SHA3_384: { value: 0x00000025, since: '1.4' },
  HMAC_SHA3_512: { value: 0x00000026, since: '1.4' },
  SHAKE_128: { value: 0x00000027, since: '1.4' },
  SHAKE_256: { value: 0x00000028, since: '1.4' },
  ARIA: { value: 0x00000029, since: '2.0' },
  SEED: { value: 0x0000002a, since: '2.0' },
  SM2: { value: 0x0000002b, since: '2.0' },
  SM3: { value: 0x0000002c, since: '2.0' },
  SM4: { value: 0x0000002d, since: '2.0' },
  GOSTR34_10_2012: { value: 0x0000002e, since: '2.0' },
  GOSTR34_11_2012: { value: 0x0000002f, since: '2.0' },
  GOSTR34_13_2015: { value: 0x00000030, since: '2.0' },
  GOST28147_89: { value: 0x00000031, since: '2.0' },
  XMSS: { value: 0x00000032, since: '2.0' },
  SPHINCS_256: { value: 0x00000033, since: '2.0' },
  McEliece: { value: 0x00000034, since: '2.0' },
  McEliece_6960119: { value: 0x00000035, since: '2.0' },
  McEliece_8192128: { value: 0x00000036, since: '2.0' },
  Ed25519: { value: 0x00000037, since: '2.0' },
  Ed448: { value: 0x00000038, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Block Cipher Mode Enumeration. */
export const BlockCipherModeValues = {
  CBC: { value: 0x00000001, since: '1.0' },
  ECB: { value: 0x00000002, since: '1.0' },
  PCBC: { value: 0x00000003, since: '1.0' },
  CFB: { value: 0x00000004, since: '1.0' },
  OFB: { value: 0x00000005, since: '1.0' },
  CTR: { value: 0x00000006, since: '1.0' },
  CMAC: { value: 0x00000007, since: '1.0' },
  CCM: { value: 0x00000008, since: '1.0' },
  GCM: { value: 0x00000009, since: '1.0' },
  CBC_MAC: { value: 0x0000000a, since: '1.0' },
  XTS: { value: 0x0000000b, since: '1.0' },
  AESKeyWrapPadding: { value: 0x0000000c, since: '1.0' },
  NISTKeyWrap: { value: 0x0000000d, since: '1.0' },
  X9_102AESKW: { value: 0x0000000e, since: '1.0' },
  X9_102TDKW: { value: 0x0000000f, since: '1.0' },
  X9_102AKW1: { value: 0x00000010, since: '1.0' },
  X9_102AKW2: { value: 0x00000011, since: '1.0' },
  AEAD: { value: 0x00000012, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Padding Method Enumeration. */
export const PaddingMethodValues = {
  None: { value: 0x00000001, since: '1.0' },
  OAEP: { value: 0x00000002, since: '1.0' },
  PKCS5: { value: 0x00000003, since: '1.0' },
  SSL3: { value: 0x00000004, since: '1.0' },
  Zeros: { value: 0x00000005, since: '1.0' },
  ANSIX9_23: { value: 0x00000006, since: '1.0' },
  ISO10126: { value: 0x00000007, since: '1.0' },
  PKCS1V1_5: { value: 0x00000008, since: '1.0' },
  X9_31: { value: 0x00000009, since: '1.0' },
  PSS: { value: 0x0000000a, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Hashing Algorithm Enumeration. */
export const HashingAlgorithmValues = {
  MD2: { value: 0x00000001, since: '1.0' },
  MD4: { value: 0x00000002, since: '1.0' },
  MD5: { value: 0x00000003, since: '1.0' },
  SHA_1: { value: 0x00000004, since: '1.0' },
  SHA_224: { value: 0x00000005, since: '1.0' },
  SHA_256: { value: 0x00000006, since: '1.0' },
  SHA_384: { value: 0x00000007, since: '1.0' },
  SHA_512: { value: 0x00000008, since: '1.0' },
  RIPEMD_160: { value: 0x00000009, since: '1.0' },
  Tiger: { value: 0x0000000a, since: '1.0' },
  Whirlpool: { value: 0x0000000b, since: '1.0' },
  SHA_512_224: { value: 0x0000000c, since: '1.2' },
  SHA_512_256: { value: 0x0000000d, since: '1.2' },
  SHA_3_224: { value: 0x0000000e, since: '1.4' },
  SHA_3_256: { value: 0x0000000f, since: '1.4' },
  SHA_3_384: { value: 0x00000010, since: '1.4' },
  SHA_3_512: { value: 0x00000011, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Mask Generator Enumeration. */
export const MaskGeneratorValues = {
  MGF1: { value: 0x00000001, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Digital Signature Algorithm Enumeration. */
export const DigitalSignatureAlgorithmValues = {
  MD2WithRSAEncryption: { value: 0x00000001, since: '2.1' },
  MD5WithRSAEncryption: { value: 0x00000002, since: '1.1' },
  SHA_1WithRSAEncryption: { value: 0x00000003, since: '1.1' },
  SHA_224WithRSAEncryption: { value: 0x00000004, since: '1.1' },
  SHA_256WithRSAEncryption: { value: 0x00000005, since: '1.1' },
  SHA_384WithRSAEncryption: { value: 0x00000006, since: '1.1' },
  SHA_512WithRSAEncryption: { value: 0x00000007, since: '1.1' },
  RSASSAPSS: { value: 0x00000008, since: '2.1' },
  DSAWithSHA_1: { value: 0x00000009, since: '1.1' },
  DSAWithSHA224: { value: 0x0000000a, since: '1.1' },
  DSAWithSHA256: { value: 0x0000000b, since: '1.1' },
  ECDSAWithSHA_1: { value: 0x0000000c, since: '1.1' },
  ECDSAWithSHA224: { value: 0x0000000d, since: '1.1' },
  ECDSAWithSHA256: { value: 0x0000000e, since: '1.1' },
  ECDSAWithSHA384: { value: 0x0000000f, since: '1.1' },
  ECDSAWithSHA512: { value: 0x00000010, since: '1.1' },
  SHA3_256WithRSAEncryption: { value: 0x00000011, since: '1.4' },
  SHA3_384WithRSAEncryption: { value: 0x00000012, since: '1.4' },
  SHA3_512WithRSAEncryption: { value: 0x00000013, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Key Role Type Enumeration. */
export const KeyRoleTypeValues = {
  BDK: { value: 0x00000001, since: '1.0' },
  CVK: { value: 0x00000002, since: '1.0' },
  DEK: { value: 0x00000003, since: '1.0' },
  MKAC: { value: 0x00000004, since: '1.0' },
  MKSMC: { value: 0x00000005, since: '1.0' },
  MKSMI: { value: 0x00000006, since: '1.0' },
  MKDAC: { value: 0x00000007, since: '1.0' },
  MKDN: { value: 0x00000008, since: '1.0' },
  MKCP: { value: 0x00000009, since: '1.0' },
  MKOTH: { value: 0x0000000a, since: '1.0' },
  KEK: { value: 0x0000000b, since: '1.0' },
  MAC16609: { value: 0x0000000c, since: '1.0' },
  MAC97971: { value: 0x0000000d, since: '1.0' },
  MAC97972: { value: 0x0000000e, since: '1.0' },
  MAC97973: { value: 0x0000000f, since: '1.0' },
  MAC97974: { value: 0x00000010, since: '1.0' },
  MAC97975: { value: 0x00000011, since: '1.0' },
  ZPK: { value: 0x00000012, since: '1.0' },
  PVKIBM: { value: 0x00000013, since: '1.0' },
  PVKPVV: { value: 0x00000014, since: '1.0' },
  PVKOTH: { value: 0x00000015, since: '1.0' },
  DUKPT: { value: 0x00000016, since: '1.4' },
  IV: { value: 0x00000017, since: '1.4' },
  TRKBK: { value: 0x00000018, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** DRBGAlgorithm Enumeration. */
export const DRBGAlgorithmValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  Dual_EC: { value: 0x00000002, since: '1.3' },
  Hash: { value: 0x00000003, since: '1.3' },
  HMAC: { value: 0x00000004, since: '1.3' },
  CTR: { value: 0x00000005, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** FIPS186Variation Enumeration. */
export const FIPS186VariationValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  GPXOriginal: { value: 0x00000002, since: '1.3' },
  GPXChangeNotice: { value: 0x00000003, since: '1.3' },
  XOriginal: { value: 0x00000004, since: '1.3' },
  XChangeNotice: { value: 0x00000005, since: '1.3' },
  KOriginal: { value: 0x00000006, since: '1.3' },
  KChangeNotice: { value: 0x00000007, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** RNGAlgorithm Enumeration. */
export const RNGAlgorithmValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  FIPS186_2: { value: 0x00000002, since: '1.3' },
  DRBG: { value: 0x00000003, since: '1.3' },
  NRBG: { value: 0x00000004, since: '1.3' },
  ANSIX9_31: { value: 0x00000005, since: '1.3' },
  ANSIX9_62: { value: 0x00000006, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** RNGMode Enumeration. */
export const RNGModeValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  SharedInstantiation: { value: 0x00000002, since: '1.3' },
  NonSharedInstantiation: { value: 0x00000003, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** Derivation Method Enumeration. */
export const DerivationMethodValues = {
  PBKDF2: { value: 0x00000001, since: '1.0' },
  HASH: { value: 0x00000002, since: '1.0' },
  HMAC: { value: 0x00000003, since: '1.0' },
  ENCRYPT: { value: 0x00000004, since: '1.0' },
  NIST800_108C: { value: 0x00000005, since: '1.0' },
  NIST800_108F: { value: 0x00000006, since: '1.0' },
  NIST800_108DPI: { value: 0x00000007, since: '1.0' },
  AsymmetricKey: { value: 0x00000008, since: '1.4' },
  AWSSignatureVersion4: { value: 0x00000009, since: '2.0' },
  HKDF: { value: 0x0000000a, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Split Key Method Enumeration. */
export const SplitKeyMethodValues = {
  XOR: { value: 0x00000001, since: '1.0' },
  PolynomialSharingGF2_16: { value: 0x00000002, since: '1.0' },
  PolynomialSharingPrimeField: { value: 0x00000003, since: '1.0' },
  PolynomialSharingGF2_8: { value: 0x00000004, since: '1.2' },
} as const satisfies Record<string, EnumerationRow>;

/** Wrapping Method Enumeration. */
export const WrappingMethodValues = {
  Encrypt: { value: 0x00000001, since: '1.0' },
  MACSign: { value: 0x00000002, since: '1.0' },
  EncryptThenMACSign: { value: 0x00000003, since: '1.0' },
  MACSignThenEncrypt: { value: 0x00000004, since: '1.0' },
  TR_31: { value: 0x00000005, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Encoding Option Enumeration. */
export const EncodingOptionValues = {
  NoEncoding: { value: 0x00000001, since: '1.1' },
  TTLVEncoding: { value: 0x00000002, since: '1.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Key Wrap Type Enumeration. */
export const KeyWrapTypeValues = {
  NotWrapped: { value: 0x00000001, since: '1.4' },
  AsRegistered: { value: 0x00000002, since: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Unwrap Mode Enumeration. */
export const UnwrapModeValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  Processed: { value: 0x00000002, since: '1.3' },
  NotProcessed: { value: 0x00000003, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;
