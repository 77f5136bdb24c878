import { createCipheriv, createDecipheriv } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { CryptographicParameters } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type {
  CipherFamily,
  CipherKey,
  DecryptionOptions,
  Encryption,
  EncryptionOptions,
} from './cipher-family.js';
import type { CipherPlan, PlanOf } from './cipher-plans.js';
import { badIv } from './cipher-plans.js';
import type { Transform } from './transform.js';
import { NOTHING, collecting, guarded, joined } from './transform.js';

/** A family of ciphers that OpenSSL runs, given what `planOf` makes of key and parameters. */
export function symmetricCipher(planOf: PlanOf): CipherFamily {
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
  plan: CipherPlan,
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
  plan: CipherPlan,
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

type Blocks = NonNullable<CipherPlan['blocks']>;

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
  { iv }: CipherPlan,
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
function opensslIv({ iv, defaultIv, complete }: CipherPlan, given: Buffer | undefined): Buffer | null {
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

function symmetricKey(key: CipherKey): Buffer {
  if (Buffer.isBuffer(key)) return key;
  throw new Refusal('objectNotUsable', 'This algorithm takes a Symmetric Key, not half of a key pair.');
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

function partialBlock(blockBytes: number): KmipError {
  return new KmipError(
    'CryptographicFailure',
    `The data does not end with a whole block of ${blockBytes} bytes. Use a Padding Method.`,
  );
}
