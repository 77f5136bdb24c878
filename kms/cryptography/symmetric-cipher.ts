import { createCipheriv, createDecipheriv } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { CryptographicParameters, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type {
  CipherFamily,
  CipherKey,
  DecryptionOptions,
  Encryption,
  EncryptionOptions,
} from './cipher-family.js';
import type { BlockPadding } from './paddings.js';
import { blockPadding } from './paddings.js';
import type { Transform } from './transform.js';
import { NOTHING, collecting, guarded, joined } from './transform.js';

type Mode = NameIn<'BlockCipherMode'>;

/** Lengths of an IV, counter block or nonce, in bytes. */
interface IvLengths {
  readonly from: number;
  readonly to: number;
  /** Length of a random one. */
  readonly random: number;
}

/** How a mode uses its block cipher. */
interface ModeRow {
  /** Name of a cipher in this mode, in OpenSSL. */
  readonly openssl: (cipher: string, keyBits: number) => string;
  /** The IV it needs, given the block; undefined if none. */
  readonly iv?: (blockBytes: number) => IvLengths;
  /** The IV if none is given, for modes with one of their own. */
  readonly defaultIv?: Buffer;
  /** The data is padded to whole blocks. */
  readonly padded?: true;
  /** It makes an Authenticated Encryption Tag; the lengths that it may have, in bytes. */
  readonly tagBytes?: readonly number[];
  /** It needs its whole data at once. */
  readonly whole?: true;
  /** It takes two keys in one, each half as long. */
  readonly twoKeys?: true;
  /** An IV shorter than the block is completed by a counter. */
  readonly counter?: true;
}

const wholeBlock = (blockBytes: number): IvLengths => ({
  from: blockBytes,
  to: blockBytes,
  random: blockBytes,
});
const dashed = (mode: string) => (cipher: string) => `${cipher}-${mode}`;
const keyWrap = (suffix: string) => (cipher: string) => `id-${cipher.replace('-', '')}-${suffix}`;

/** The Block Cipher Modes that encrypt data. KMIP 1.4 §9.1.3.2.14. */
const MODES = {
  ECB: { openssl: dashed('ecb'), padded: true },
  CBC: { openssl: dashed('cbc'), iv: wholeBlock, padded: true },
  CFB: { openssl: dashed('cfb'), iv: wholeBlock },
  OFB: { openssl: dashed('ofb'), iv: wholeBlock },
  /** NIST SP 800-38A §6.5; nonces of 8 bytes or more are completed as RFC 3686 §4 does it. */
  CTR: {
    openssl: dashed('ctr'),
    iv: (blockBytes) => ({ from: 8, to: blockBytes, random: blockBytes - 4 }),
    counter: true,
  },
  /** NIST SP 800-38D. */
  GCM: {
    openssl: dashed('gcm'),
    iv: () => ({ from: 1, to: 128, random: 12 }),
    tagBytes: [16, 15, 14, 13, 12, 8, 4],
  },
  /** NIST SP 800-38C. */
  CCM: {
    openssl: dashed('ccm'),
    iv: () => ({ from: 7, to: 13, random: 12 }),
    tagBytes: [16, 14, 12, 10, 8, 6, 4],
    whole: true,
  },
  /** IEEE 1619: the data is one data unit, the IV its tweak. */
  XTS: {
    openssl: (cipher, keyBits) => `${cipher.slice(0, 3)}-${keyBits}-xts`,
    iv: wholeBlock,
    whole: true,
    twoKeys: true,
  },
  /** RFC 3394, NIST SP 800-38F KW. */
  NISTKeyWrap: {
    openssl: keyWrap('wrap'),
    iv: () => ({ from: 8, to: 8, random: 8 }),
    defaultIv: Buffer.alloc(8, 0xa6),
    whole: true,
  },
  /** RFC 5649, NIST SP 800-38F KWP. */
  AESKeyWrapPadding: {
    openssl: keyWrap('wrap-pad'),
    iv: () => ({ from: 4, to: 4, random: 4 }),
    defaultIv: Buffer.from('a65959a6', 'hex'),
    whole: true,
  },
} as const satisfies Partial<Record<Mode, ModeRow>>;

/** A cipher and what can be done with it. */
interface CipherRow {
  readonly blockBytes: number;
  /** Name in OpenSSL by length of the key in bits. */
  readonly names: Readonly<Record<number, string>>;
  readonly modes: readonly (keyof typeof MODES)[];
}

const BLOCK_MODES = ['ECB', 'CBC', 'CFB', 'OFB'] as const;
const sizes = (cipher: string) => ({ 128: `${cipher}-128`, 192: `${cipher}-192`, 256: `${cipher}-256` });

/** Block ciphers of OpenSSL 3 by Cryptographic Algorithm; single DES, RC2, Blowfish and the like are not in it. */
const BLOCK_CIPHERS = {
  AES: {
    blockBytes: 16,
    names: sizes('aes'),
    modes: [...BLOCK_MODES, 'CTR', 'GCM', 'CCM', 'XTS', 'NISTKeyWrap', 'AESKeyWrapPadding'],
  },
  /** Of two or of three keys (NIST SP 800-67). */
  DES3: { blockBytes: 8, names: { 128: 'des-ede', 192: 'des-ede3' }, modes: BLOCK_MODES },
  Camellia: { blockBytes: 16, names: sizes('camellia'), modes: [...BLOCK_MODES, 'CTR'] },
  ARIA: { blockBytes: 16, names: sizes('aria'), modes: [...BLOCK_MODES, 'CTR', 'GCM', 'CCM'] },
  SM4: { blockBytes: 16, names: { 128: 'sm4' }, modes: [...BLOCK_MODES, 'CTR'] },
} as const satisfies Partial<Record<NameIn<'CryptographicAlgorithm'>, CipherRow>>;

/** A cipher with its mode, ready for a key. */
interface Plan {
  readonly openssl: string;
  readonly iv: IvLengths | undefined;
  readonly defaultIv: Buffer | undefined;
  /** What OpenSSL is given for an IV of the request. */
  readonly complete: (iv: Buffer) => Buffer;
  readonly tagBytes: readonly number[] | undefined;
  readonly whole: boolean;
  /** Block and padding of modes that pad. */
  readonly blocks: { readonly blockBytes: number; readonly padding: BlockPadding } | undefined;
}

const asItIs = (iv: Buffer): Buffer => iv;

/** AES, Triple DES and other block ciphers in their modes. */
export function blockCipher(algorithm: keyof typeof BLOCK_CIPHERS): CipherFamily {
  const row: CipherRow = BLOCK_CIPHERS[algorithm];
  return family((key, parameters) => {
    const name = demandMode(algorithm, row, parameters);
    const mode: ModeRow = MODES[name];
    const keyBits = (key.length * 8) / (mode.twoKeys ? 2 : 1);
    const cipher = row.names[keyBits];
    if (cipher === undefined || (mode.twoKeys && keyBits === 192)) {
      throw new Refusal(
        'badCryptographicParameters',
        `A key of ${key.length * 8} bits is not one for ${algorithm} in mode ${name}.`,
      );
    }
    const padding = blockPadding(parameters.paddingMethod);
    if (!mode.padded && padding.append) {
      throw new Refusal(
        'badCryptographicParameters',
        `Mode ${name} takes no padding. Leave Padding Method out.`,
      );
    }
    const iv = mode.iv?.(row.blockBytes);
    return {
      openssl: mode.openssl(cipher, keyBits),
      iv,
      defaultIv: mode.defaultIv,
      complete: mode.counter ? (given) => counterBlock(given, row.blockBytes, parameters) : asItIs,
      tagBytes: mode.tagBytes,
      whole: mode.whole ?? false,
      blocks: mode.padded ? { blockBytes: row.blockBytes, padding } : undefined,
    };
  });
}

/** ChaCha20, with a nonce of 8 bytes (Bernstein), of 12 (RFC 8439 §2.4) or a counter and nonce of 16. */
export const chaCha20: CipherFamily = family((key, parameters) => {
  demandStreamCipher('ChaCha20', key, parameters, []);
  const counter = parameters.initialCounterValue ?? 0;
  return {
    openssl: 'chacha20',
    iv: { from: 8, to: 16, random: 12 },
    defaultIv: undefined,
    complete: (nonce) => {
      if (nonce.length % 4 !== 0) throw badIv('ChaCha20 takes a nonce of 8, 12 or 16 bytes.');
      const block = Buffer.alloc(16);
      nonce.copy(block, 16 - nonce.length);
      if (nonce.length < 16) block.writeInt32LE(counter, 0);
      return block;
    },
    tagBytes: undefined,
    whole: false,
    blocks: undefined,
  };
});

/** RFC 8439 §2.8; shorter tags as OASIS has them (CS-BC-M-CHACHA20POLY1305-1). */
export const chaCha20Poly1305: CipherFamily = family((key, parameters) => {
  demandStreamCipher('ChaCha20Poly1305', key, parameters, ['AEAD']);
  return {
    openssl: 'chacha20-poly1305',
    iv: { from: 12, to: 12, random: 12 },
    defaultIv: undefined,
    complete: asItIs,
    tagBytes: [16, 15, 14, 13, 12],
    whole: false,
    blocks: undefined,
  };
});

/** A family of ciphers that OpenSSL runs, given what `planOf` says about key and parameters. */
function family(planOf: (key: Buffer, parameters: CryptographicParameters) => Plan): CipherFamily {
  return {
    encryption(key, parameters, options) {
      const bytes = symmetricKey(key);
      const plan = planOf(bytes, parameters);
      const made = madeIv(plan, parameters, options);
      const iv = made ?? options.ivCounterNonce;
      return { ...encrypting(plan, bytes, opensslIv(plan, iv), parameters, options), ivCounterNonce: made };
    },
    decryption(key, parameters, options) {
      const bytes = symmetricKey(key);
      const plan = planOf(bytes, parameters);
      return decrypting(plan, bytes, opensslIv(plan, options.ivCounterNonce), parameters, options);
    },
  };
}

function encrypting(
  plan: Plan,
  key: Buffer,
  iv: Buffer | null,
  parameters: CryptographicParameters,
  { additionalData, heldBytesLimit = Infinity }: EncryptionOptions,
): Encryption {
  const { openssl, tagBytes, blocks } = plan;
  if (!tagBytes) {
    demandNoAuthentication(additionalData, undefined);
    const cipher = guarded(ENCRYPTION, () => createCipheriv(openssl, key, iv));
    if (plan.whole) return collecting(heldBytesLimit, (data) => through(ENCRYPTION, cipher, data));
    return blocks ? padding(cipher, blocks) : passing(ENCRYPTION, cipher);
  }
  const authTagLength = demandTagLength(tagBytes, parameters.tagLength);
  const cipher = guarded(ENCRYPTION, () =>
    createCipheriv(openssl as AuthenticatedName, key, iv ?? NOTHING, { authTagLength }),
  );
  const tag = (): Buffer => cipher.getAuthTag();
  if (!plan.whole) {
    if (additionalData) cipher.setAAD(additionalData);
    return { ...passing(ENCRYPTION, cipher), tag };
  }
  const held = copyOf(additionalData) ?? NOTHING;
  return {
    ...collecting(heldBytesLimit, (data) =>
      guarded(ENCRYPTION, () => {
        cipher.setAAD(held, { plaintextLength: data.length });
        return through(ENCRYPTION, cipher, data);
      }),
    ),
    tag,
  };
}

/** Nobody is given a byte of data whose tag is not checked: authenticated decryption keeps it all until the end. */
function decrypting(
  plan: Plan,
  key: Buffer,
  iv: Buffer | null,
  parameters: CryptographicParameters,
  { additionalData, tag, heldBytesLimit = Infinity }: DecryptionOptions,
): Transform {
  const { openssl, tagBytes, blocks } = plan;
  if (!tagBytes) {
    demandNoAuthentication(additionalData, tag);
    const decipher = guarded(DECRYPTION, () => createDecipheriv(openssl, key, iv));
    if (plan.whole) return collecting(heldBytesLimit, (data) => through(DECRYPTION, decipher, data));
    return blocks ? unpadding(decipher, blocks) : passing(DECRYPTION, decipher);
  }
  const authTagLength = demandTagLength(tagBytes, tag?.length ?? parameters.tagLength);
  if (tag && parameters.tagLength !== undefined) demandTagLength([tag.length], parameters.tagLength);
  const heldTag = copyOf(tag);
  const heldData = copyOf(additionalData) ?? NOTHING;
  const decipher = guarded(DECRYPTION, () =>
    createDecipheriv(openssl as AuthenticatedName, key, iv ?? NOTHING, { authTagLength }),
  );
  return collecting(heldBytesLimit, (data) =>
    guarded(DECRYPTION, () => {
      const end = heldTag ? data.length : data.length - authTagLength;
      decipher.setAuthTag(heldTag ?? data.subarray(end));
      decipher.setAAD(heldData, { plaintextLength: end });
      return through(DECRYPTION, decipher, data.subarray(0, end));
    }),
  );
}

/** What is used after the request is gone must not be a view on its message. */
function copyOf(bytes: Buffer | undefined): Buffer | undefined {
  return bytes && Buffer.from(bytes);
}

/** Node gives every authenticated cipher the methods of one, but the types know them by a few names only. */
type AuthenticatedName = 'aes-256-gcm';
const ENCRYPTION = 'The encryption';
const DECRYPTION = 'The decryption';

type Cipher = ReturnType<typeof createCipheriv> | ReturnType<typeof createDecipheriv>;

function through(what: string, cipher: Cipher, data: Buffer): Buffer {
  return guarded(what, () => joined(cipher.update(data), cipher.final()));
}

function passing(what: string, cipher: Cipher): Transform {
  return {
    update: (part) => guarded(what, () => cipher.update(part)),
    final: () => guarded(what, () => cipher.final()),
  };
}

type Blocks = NonNullable<Plan['blocks']>;

function padding(cipher: Cipher, { blockBytes, padding: { append } }: Blocks): Transform {
  cipher.setAutoPadding(false);
  let length = 0;
  return {
    update(part) {
      length += part.length;
      return guarded(ENCRYPTION, () => cipher.update(part));
    },
    final() {
      if (!append && length % blockBytes !== 0) throw partialBlock(blockBytes);
      return append ? through(ENCRYPTION, cipher, append(length, blockBytes)) : cipher.final();
    },
  };
}

/** Keeps the last block back until it is known to be the last. */
function unpadding(decipher: Cipher, { blockBytes, padding: { count } }: Blocks): Transform {
  decipher.setAutoPadding(false);
  let length = 0;
  let last: Buffer = NOTHING;
  const decipherPart = (part: Buffer): Buffer => guarded(DECRYPTION, () => decipher.update(part));
  return {
    update(part) {
      length += part.length;
      const output = decipherPart(part);
      if (!count || output.length === 0) return output;
      const previous = last;
      last = Buffer.from(output.subarray(-blockBytes));
      const ready = joined(previous, Buffer.from(output.subarray(0, -blockBytes)));
      zeroise(output);
      return ready;
    },
    final() {
      if (length % blockBytes !== 0) throw partialBlock(blockBytes);
      if (!count) return decipher.final();
      const padded = count(last);
      if (padded === undefined) {
        zeroise(last);
        throw new KmipError('CryptographicFailure', `${DECRYPTION} failed; check data, key, IV and padding.`);
      }
      return last.subarray(0, last.length - padded);
    },
  };
}

/** A random IV, if the parameters ask for one and the request gives none. */
function madeIv(
  { iv }: Plan,
  { randomIv, ivLength }: CryptographicParameters,
  { ivCounterNonce }: EncryptionOptions,
): Buffer | undefined {
  if (!iv || ivCounterNonce || randomIv !== true) return undefined;
  if (ivLength === undefined) return randomKeyBytes(iv.random);
  const bytes = ivLength / 8;
  if (!Number.isInteger(bytes) || bytes < iv.from || bytes > iv.to) {
    throw badIv(`IV Length is ${ivLength} bits; it must be ${iv.from * 8} to ${iv.to * 8}, in steps of 8.`);
  }
  return randomKeyBytes(bytes);
}

/** The IV as OpenSSL takes it; null for a mode without one. @throws Refusal `missingIv`, `badCryptographicParameters` */
function opensslIv({ iv, defaultIv, complete }: Plan, given: Buffer | undefined): Buffer | null {
  if (!iv) {
    if (given && given.length > 0) throw badIv('This mode takes no IV/Counter/Nonce. Leave it out.');
    return null;
  }
  const bytes = given ?? defaultIv;
  if (!bytes) {
    throw new Refusal('missingIv', 'This mode needs an IV/Counter/Nonce. Give it, or ask for a Random IV.');
  }
  if (bytes.length < iv.from || bytes.length > iv.to) {
    const lengths = iv.from === iv.to ? String(iv.from) : `${iv.from} to ${iv.to}`;
    throw badIv(`The IV/Counter/Nonce has ${bytes.length} bytes; this mode takes ${lengths}.`);
  }
  return complete(bytes);
}

/** A counter block from a nonce: what is left of the block is the counter, big-endian, 1 at first (RFC 3686 §4). */
function counterBlock(
  nonce: Buffer,
  blockBytes: number,
  { initialCounterValue = 1 }: CryptographicParameters,
): Buffer {
  if (nonce.length === blockBytes) return nonce;
  const block = Buffer.alloc(blockBytes);
  nonce.copy(block);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt.asUintN(32, BigInt(initialCounterValue)));
  const room = blockBytes - nonce.length;
  if (room < 4 && counter.readUInt32BE(4) >= 2 ** (8 * room)) {
    throw badIv('The Initial Counter Value does not fit beside the nonce. Give a shorter one.');
  }
  counter.copy(block, nonce.length, Math.max(0, 8 - room));
  return block;
}

function symmetricKey(key: CipherKey): Buffer {
  if (Buffer.isBuffer(key)) return key;
  throw new Refusal('objectNotUsable', 'This algorithm takes a Symmetric Key, not half of a key pair.');
}

function demandMode(
  algorithm: string,
  row: CipherRow,
  parameters: CryptographicParameters,
): keyof typeof MODES {
  const mode = parameters.blockCipherMode;
  const served = row.modes.join(', ');
  if (mode === undefined) {
    throw new Refusal(
      'badCryptographicParameters',
      `${algorithm} needs a Block Cipher Mode, in the request or as an attribute of the key: ${served}.`,
    );
  }
  const found = row.modes.find((name) => name === mode);
  if (found) return found;
  throw new Refusal(
    'unsupportedCryptographicParameters',
    `Block Cipher Mode ${mode} does not encrypt with ${algorithm} here; use one of ${served}.`,
  );
}

function demandStreamCipher(
  algorithm: string,
  key: Buffer,
  { blockCipherMode, paddingMethod }: CryptographicParameters,
  modes: readonly unknown[],
): void {
  if (key.length !== 32) {
    throw new Refusal(
      'badCryptographicParameters',
      `${algorithm} keys have 256 bits; this one has ${key.length * 8}.`,
    );
  }
  const modeFits = blockCipherMode === undefined || modes.includes(blockCipherMode);
  if (modeFits && (paddingMethod === undefined || paddingMethod === 'None')) return;
  throw new Refusal(
    'badCryptographicParameters',
    `${algorithm} has no such Block Cipher Mode and no padding. Leave both out.`,
  );
}

/** OASIS has General Failure here, in 1.4 and in 2.1 (CS-BC-M-GCM-1). @throws KmipError `GeneralFailure` */
function demandTagLength(allowed: readonly number[], tagLength: number | undefined): number {
  const length = tagLength ?? allowed[0] ?? 0;
  if (allowed.includes(length)) return length;
  throw new KmipError(
    'GeneralFailure',
    `An Authenticated Encryption Tag of ${length} bytes does not fit; here it has ${allowed.join(', ')}.`,
  );
}

function demandNoAuthentication(additionalData: Buffer | undefined, tag: Buffer | undefined): void {
  if (!additionalData && !tag) return;
  throw new Refusal(
    'badCryptographicParameters',
    'This mode does not authenticate: it takes no Additional Data and no Tag. Use GCM or CCM.',
  );
}

function badIv(message: string): Refusal {
  return new Refusal('badCryptographicParameters', message);
}

function partialBlock(blockBytes: number): KmipError {
  return new KmipError(
    'CryptographicFailure',
    `The data does not end with a whole block of ${blockBytes} bytes. Use a Padding Method.`,
  );
}
