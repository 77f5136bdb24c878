import type { CryptographicParameters, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { BlockPadding } from './paddings.js';
import { blockPadding } from './paddings.js';

/* Symmetric ciphers and their modes, as tables of what OpenSSL is told. */

type Mode = NameIn<'BlockCipherMode'>;

/** Lengths of an IV, counter block or nonce, in bytes. */
export interface IvLengths {
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

/** A cipher with its mode and its parameters, ready for a key. */
export interface CipherPlan {
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

/** What key and parameters come to. @throws Refusal `badCryptographicParameters`, `unsupportedCryptographicParameters` */
export type PlanOf = (key: Buffer, parameters: CryptographicParameters) => CipherPlan;

const asItIs = (iv: Buffer): Buffer => iv;

/** AES, Triple DES and other block ciphers in their modes. */
export function blockCipherPlan(algorithm: keyof typeof BLOCK_CIPHERS): PlanOf {
  const row: CipherRow = BLOCK_CIPHERS[algorithm];
  return (key, parameters) => {
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
  };
}

/** ChaCha20, with a nonce of 8 bytes (Bernstein), of 12 (RFC 8439 §2.4) or a counter and nonce of 16. */
export const chaCha20Plan: PlanOf = (key, parameters) => {
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
};

/** RFC 8439 §2.8; shorter tags as OASIS has them (CS-BC-M-CHACHA20POLY1305-1). */
export const chaCha20Poly1305Plan: PlanOf = (key, parameters) => {
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
};

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

/** The refusal of an IV, counter block or nonce that does not fit. */
export function badIv(message: string): Refusal {
  return new Refusal('badCryptographicParameters', message);
}
