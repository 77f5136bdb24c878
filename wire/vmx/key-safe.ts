import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { KEY_CIPHERS, parseKeyDict, writeKeyDict } from './crypto-dict.js';
import type { KeyDict } from './crypto-dict.js';
import { VmFormatError } from './errors.js';
import { parseKeyLocator, writeKeyLocator } from './key-locator.js';
import type { FqidLocator, PairLocator, PhraseLocator } from './key-locator.js';
import { openBlob, sealBlob } from './sealed-blob.js';
import type { MacName } from './sealed-blob.js';

/** Rounds of PBKDF2 that VMware products use for phrases. */
export const PHRASE_ROUNDS = 10_000;

/** One way to open a bundle: the locator of a key, and that key. */
export interface BundlePair {
  locator: FqidLocator | PhraseLocator;
  /** The key that the locator names (16, 24 or 32 bytes); it is only read. */
  kek: Buffer;
  /** `HMAC-SHA-256` unless given. */
  mac?: MacName;
}

/** What a bundle opened to. */
export interface OpenedBundle {
  /** The caller zeroises `dict.key`. */
  dict: KeyDict;
  /** The locator whose key opened it. */
  locator: PairLocator['locator'];
}

/**
 * Makes the text of `encryption.bundle`, `encryptionKeys` and `encryption.keySafe`: a list of pairs, each holding
 * the same key dictionary sealed under another key.
 */
export function sealBundle({ pairs, dict }: { pairs: readonly BundlePair[]; dict: KeyDict }): string {
  const plain = Buffer.from(writeKeyDict(dict), 'latin1');
  const members = pairs.map(({ locator, kek, mac = 'HMAC-SHA-256' }): PairLocator => {
    return { type: 'pair', locator, mac, blob: sealBlob(kek, mac, plain) };
  });
  plain.fill(0);
  return writeKeyLocator({ type: 'list', members });
}

/**
 * The pairs of a bundle, for those who must fetch keys before they open it.
 * @throws {VmFormatError} `key_locator_invalid` where the text is not a list of pairs
 */
export function parseBundle(text: string): readonly PairLocator[] {
  const locator = parseKeyLocator(text);
  const members = locator.type === 'list' ? locator.members : [];
  const pairs = members.filter((member) => member.type === 'pair');
  if (pairs.length === 0 || pairs.length !== members.length) {
    throw new VmFormatError('key_locator_invalid', 'a bundle is a list of pairs');
  }
  return pairs;
}

/**
 * Opens a bundle with the first pair for which a key is given.
 * @param keyOf gives the key of a locator, or undefined if it has none
 * @throws {VmFormatError} `key_mismatch` if no key given opens it
 */
export function openBundle(
  text: string,
  keyOf: (locator: PairLocator['locator']) => Buffer | undefined,
): OpenedBundle {
  let failure: unknown;
  for (const { locator, mac, blob } of parseBundle(text)) {
    const key = keyOf(locator);
    if (!key) continue;
    try {
      const plain = openBlob(key, mac, blob);
      try {
        return { dict: parseKeyDict(plain.toString('latin1')), locator };
      } finally {
        plain.fill(0);
      }
    } catch (error) {
      failure = error;
    }
  }
  throw new VmFormatError('key_mismatch', 'no key that was given opens the bundle', undefined, {
    cause: failure,
  });
}

/** A new phrase locator: 8-byte id, 16-byte salt, PBKDF2-HMAC-SHA-1 to AES-256. */
export function newPhraseLocator(rounds: number = PHRASE_ROUNDS): PhraseLocator {
  const [id, salt] = [randomBytes(8), randomBytes(16)];
  return { type: 'phrase', id, pass2key: 'PBKDF2-HMAC-SHA-1', cipher: 'AES-256', rounds, salt };
}

/** The key that a pass phrase gives under a phrase locator. The caller zeroises it. */
export function phraseKey({ pass2key, cipher, rounds, salt }: PhraseLocator, phrase: string): Buffer {
  const hash = pass2key === 'PBKDF2-HMAC-SHA-1' ? 'sha1' : 'sha256';
  return pbkdf2Sync(phrase, salt, rounds, KEY_CIPHERS[cipher].keyBytes, hash);
}
