import { constants, privateDecrypt, publicEncrypt } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import type { CryptographicParameters, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { CipherFamily, CipherKey, EncryptionOptions } from './cipher-family.js';
import { hashRow } from './hash.js';
import type { OaepOptions } from './rsa-encoding.js';
import { oaepDecode, oaepEncode, pkcs1Decode, pkcs1Encode } from './rsa-encoding.js';
import { collecting, guarded } from './transform.js';

const RAW = { padding: constants.RSA_NO_PADDING } as const;

/** How a message becomes a number of the modulus' size, and back. */
interface RsaPadding {
  readonly encode: (message: Buffer, modulusBytes: number) => Buffer;
  readonly decode: (encoded: Buffer) => Buffer;
}

/** Padding Methods of RSA encryption, with their parameters. */
const PADDINGS = {
  None: () => ({ encode: demandWhole, decode: (encoded) => encoded }),
  PKCS1V1_5: () => ({ encode: pkcs1Encode, decode: pkcs1Decode }),
  OAEP: (parameters) => {
    const options = oaepOptions(parameters);
    return {
      encode: (message, modulusBytes) => oaepEncode(message, modulusBytes, options),
      decode: (encoded) => oaepDecode(encoded, options),
    };
  },
} as const satisfies Partial<
  Record<NameIn<'PaddingMethod'>, (parameters: CryptographicParameters) => RsaPadding>
>;

/** RSA, with the public key and with the private one. RFC 8017 §7. */
export const rsaCipher: CipherFamily = {
  encryption(key, parameters, options) {
    const rsaKey = demandRsa(key, 'public');
    const { encode } = demandPadding(parameters, options);
    return collecting(options.heldBytesLimit ?? Infinity, (message) =>
      guarded('The encryption', () =>
        publicEncrypt({ key: rsaKey, ...RAW }, encode(message, modulusBytesOf(rsaKey))),
      ),
    );
  },
  decryption(key, parameters, options) {
    const rsaKey = demandRsa(key, 'private');
    const { decode } = demandPadding(parameters, options);
    return collecting(options.heldBytesLimit ?? Infinity, (data) =>
      guarded('The decryption', () => decode(privateDecrypt({ key: rsaKey, ...RAW }, data))),
    );
  },
};

/** The length of an RSA key's modulus in bytes. */
function modulusBytesOf(key: KeyObject): number {
  return Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
}

/**
 * The options of OAEP that parameters give. The mask is made with the same hash function if none is given for it;
 * KMIP 1.4 §3.6 names SHA-1, but OASIS's own vectors (CS-AC-M-2, for PSS) are made this way. Own choice.
 */
function oaepOptions(parameters: CryptographicParameters): OaepOptions {
  const hash = hashRow(parameters.hashingAlgorithm ?? 'SHA_1');
  const { maskGeneratorHashingAlgorithm: maskHash, pSource = Buffer.alloc(0) } = parameters;
  // The label outlives the request's message, of which it is a view.
  return { hash, maskHash: maskHash === undefined ? hash : hashRow(maskHash), pSource: Buffer.from(pSource) };
}

function demandPadding(parameters: CryptographicParameters, options: EncryptionOptions): RsaPadding {
  if (options.ivCounterNonce?.length || options.additionalData) {
    throw new Refusal('badCryptographicParameters', 'RSA takes no IV/Counter/Nonce and no Additional Data.');
  }
  const { paddingMethod } = parameters;
  if (typeof paddingMethod === 'string' && Object.hasOwn(PADDINGS, paddingMethod)) {
    return PADDINGS[paddingMethod as keyof typeof PADDINGS](parameters);
  }
  const choices = Object.keys(PADDINGS).join(', ');
  throw new Refusal(
    'badCryptographicParameters',
    `RSA needs a Padding Method, in the request or as an attribute of the key: ${choices}.`,
  );
}

function demandRsa(key: CipherKey, half: 'public' | 'private'): KeyObject {
  if (!Buffer.isBuffer(key) && key.asymmetricKeyType === 'rsa' && (half === 'public' || key.type === half)) {
    return key;
  }
  throw new Refusal('objectNotUsable', `RSA needs the ${half} half of an RSA key pair here.`);
}

function demandWhole(message: Buffer, modulusBytes: number): Buffer {
  if (message.length === modulusBytes) return message;
  throw new KmipError(
    'CryptographicFailure',
    `Without padding this RSA key encrypts exactly ${modulusBytes} bytes. Use a Padding Method.`,
  );
}
