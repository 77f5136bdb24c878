import { zeroise } from '../../core/secret.js';
import { openBundle, parseBundle, sealBundle, VmFormatError, writeKeyLocator } from '../../wire/vmx/index.js';
import type { FqidLocator, KeyDict } from '../../wire/vmx/index.js';
import { VmError } from './errors.js';

/** Name of a key encryption key: vim25 `CryptoKeyId`. */
export interface CryptoKeyId {
  keyId: string;
  providerId?: { id: string };
}

/**
 * Gives the key encryption key of that name (AES: 16, 24 or 32 bytes), or rejects, saying why there is none. The
 * buffer stays the giver's: it is only read, and not kept.
 */
export type KekResolver = (id: CryptoKeyId) => Promise<Buffer>;

/** A key encryption key with its name. */
export interface NamedKek {
  id: CryptoKeyId;
  /** Borrowed: only read, and not kept. */
  key: Buffer;
}

const MAX_NAME_CHARACTERS = 8192;

/** Whether two names are of the same key. */
export function sameCryptoKey(left: CryptoKeyId, right: CryptoKeyId): boolean {
  return left.keyId === right.keyId && left.providerId?.id === right.providerId?.id;
}

/** A name as a person reads it, for messages. */
export function cryptoKeyText({ keyId, providerId }: CryptoKeyId): string {
  const shown = keyId.length > 64 ? `${keyId.slice(0, 61)}…` : keyId;
  return providerId === undefined ? `key ${shown}` : `key ${shown} of key provider ${providerId.id}`;
}

/** The locator that names a key in a VM's files. */
export function keyLocatorOf({ keyId, providerId }: CryptoKeyId): FqidLocator {
  if (keyId === '' || keyId.length + (providerId?.id.length ?? 0) > MAX_NAME_CHARACTERS) {
    throw new VmError('invalid_argument', 'a key id has 1 to 8192 characters; generate the key first');
  }
  return { type: 'fqid', keyId, ...(providerId === undefined ? {} : { provider: providerId.id }) };
}

/** The name that a locator gives a key. */
export function cryptoKeyIdOf({ keyId, provider }: FqidLocator): CryptoKeyId {
  return provider === undefined ? { keyId } : { keyId, providerId: { id: provider } };
}

/** The text of a `keyID` line. */
export function keyIdText(id: CryptoKeyId): string {
  return writeKeyLocator(keyLocatorOf(id));
}

/** Wraps a key under a key encryption key: the text of `encryption.bundle` or `encryptionKeys`. */
export function wrapKey(dict: KeyDict, { id, key }: NamedKek): string {
  return sealBundle({ pairs: [{ locator: keyLocatorOf(id), kek: key }], dict });
}

/**
 * Names of the keys that open a bundle, in its order.
 * @throws {VmFormatError} if the text is no bundle
 */
export function bundleKeyIds(bundle: string): CryptoKeyId[] {
  return parseBundle(bundle).flatMap(({ locator }) =>
    locator.type === 'fqid' ? [cryptoKeyIdOf(locator)] : [],
  );
}

/**
 * Unwraps a bundle with the first of its keys that can be had.
 * @returns the key; the caller zeroises it
 * @throws what the resolver rejects with, if no key can be had
 * @throws {VmError} `wrong_key` if the key obtained does not open the bundle
 */
export async function unwrapKey(
  bundle: string,
  cipher: KeyDict['cipher'],
  keys: KekResolver,
): Promise<Buffer> {
  const ids = bundleKeyIds(bundle);
  let failure: unknown = new VmError('wrong_key', 'the bundle names no key of a key provider');
  for (const [index, id] of ids.entries()) {
    try {
      return openWith(bundle, id, cipher, await keys(id));
    } catch (error) {
      // The first key is the one that VMs are wrapped under; what it failed with says most.
      if (index === 0) failure = error;
    }
  }
  throw failure;
}

function openWith(bundle: string, id: CryptoKeyId, cipher: KeyDict['cipher'], key: Buffer): Buffer {
  try {
    const { dict } = openBundle(bundle, (locator) =>
      locator.type === 'fqid' && sameCryptoKey(cryptoKeyIdOf(locator), id) ? key : undefined,
    );
    if (dict.cipher === cipher) return dict.key;
    zeroise(dict.key);
    throw new VmError(
      'file_invalid',
      `expected a key for ${cipher} in the bundle, found one for ${dict.cipher}`,
    );
  } catch (error) {
    if (!(error instanceof VmFormatError)) throw error;
    throw new VmError(
      'wrong_key',
      `unable to decrypt: ${cryptoKeyText(id)} was obtained but is not the key that the VM was encrypted with; check that this is the same key provider`,
      { cause: error, keyId: id },
    );
  }
}
