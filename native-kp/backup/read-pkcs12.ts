import { createDecipheriv } from 'node:crypto';

import { KpsimError } from '../../core/errors.js';
import { equalSecrets, zeroise } from '../../core/secret.js';
import { bmpOf, elementsOf, fromDer, integerOf, octetsOf, oidOf, utf8Of } from './der.js';
import type { DerElement } from './der.js';
import { OID } from './object-identifiers.js';
import { contentKey, macOf } from './pkcs12-keys.js';
import { assembleBackup, foreign } from './provider-backup.js';
import type { ProviderBackup } from './provider-backup.js';

/** Largest file read, in bytes; a backup is about 600. */
export const BACKUP_LIMIT_BYTES = 64 * 1024;
/** Most rounds that a file may ask for: each costs time, and the file says how many. */
const ITERATION_LIMITS = { encryption: 2_000_000, mac: 200_000 };
const SALT_LIMIT_BYTES = 64;

/**
 * Reads a backup that {@link writePkcs12} wrote. The MAC is checked before anything in the file is believed.
 *
 * @param password empty or absent for a backup that is not encrypted
 * @throws KpsimError `backup_invalid`, `backup_password_wrong`, `backup_foreign`
 */
export async function readPkcs12(file: Uint8Array, password = ''): Promise<ProviderBackup> {
  if (file.length > BACKUP_LIMIT_BYTES) {
    throw invalid(`it is larger than ${BACKUP_LIMIT_BYTES} bytes`);
  }
  const [version, authSafe, macData] = elementsOf(fromDer(file), 'sequence') ?? [];
  const content = contentOf(authSafe, OID.data);
  if (integerOf(version) !== 3 || !content) throw invalid('it is truncated or no PKCS#12 file');
  const authenticatedSafe = octetsOf(content);
  if (!authenticatedSafe) throw foreign();
  await verifyMac(macData, authenticatedSafe, password);

  const safes = elementsOf(fromDer(authenticatedSafe), 'sequence');
  if (safes?.length !== 1) throw foreign();
  const bags = await openSafe(safes[0], password);
  try {
    return readBags(bags);
  } finally {
    zeroise(bags);
  }
}

async function verifyMac(macData: DerElement | undefined, content: Buffer, password: string): Promise<void> {
  const [digestInfo, saltElement, iterationsElement] = elementsOf(macData, 'sequence') ?? [];
  const [algorithm, digest] = elementsOf(digestInfo, 'sequence') ?? [];
  const [oid] = elementsOf(algorithm, 'sequence') ?? [];
  const [expected, salt, iterations] = [
    octetsOf(digest),
    octetsOf(saltElement),
    integerOf(iterationsElement),
  ];
  if (!macData || !expected || !salt || iterations === undefined) {
    throw invalid('it carries no MAC, so that nothing vouches for its content');
  }
  if (oidOf(oid) !== OID.sha256) throw foreign();
  requireBounded(salt, iterations, ITERATION_LIMITS.mac);
  if (!equalSecrets(await macOf(content, password, salt, iterations), expected)) {
    throw new KpsimError(
      'backup_password_wrong',
      password === ''
        ? 'The backup is protected by a password, or it was altered. Give the password that was set when it was exported.'
        : 'The password is wrong, or the backup was altered. A backup that was exported without a password is imported without one.',
    );
  }
}

/** The SafeContents inside a safe, decrypted where it is encrypted. */
async function openSafe(safe: DerElement | undefined, password: string): Promise<Buffer> {
  const plain = octetsOf(contentOf(safe, OID.data));
  if (plain) return plain;
  const [version, encrypted] = elementsOf(contentOf(safe, OID.encryptedData), 'sequence') ?? [];
  const [, algorithm, ciphertext] = elementsOf(encrypted, 'sequence') ?? [];
  const scheme = readPbes2(algorithm);
  const sealed = octetsOf(ciphertext);
  if (integerOf(version) !== 0 || !scheme || !sealed) throw foreign();
  requireBounded(scheme.salt, scheme.iterations, ITERATION_LIMITS.encryption);
  const key = await contentKey(password, scheme.salt, scheme.iterations);
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, scheme.iv);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch (error) {
    throw new KpsimError('backup_invalid', 'The backup cannot be decrypted although its MAC is right.', {
      cause: error,
    });
  } finally {
    zeroise(key);
  }
}

function readPbes2(
  algorithm: DerElement | undefined,
): { readonly salt: Buffer; readonly iterations: number; readonly iv: Buffer } | undefined {
  const [schemeOid, parameters] = elementsOf(algorithm, 'sequence') ?? [];
  const [derivation, encryption] = elementsOf(parameters, 'sequence') ?? [];
  const [derivationOid, derivationParameters] = elementsOf(derivation, 'sequence') ?? [];
  const [saltElement, iterationsElement, ...rest] = elementsOf(derivationParameters, 'sequence') ?? [];
  const [prfOid] = elementsOf(rest.at(-1), 'sequence') ?? [];
  const [cipherOid, ivElement] = elementsOf(encryption, 'sequence') ?? [];
  const known =
    oidOf(schemeOid) === OID.pbes2 &&
    oidOf(derivationOid) === OID.pbkdf2 &&
    oidOf(prfOid) === OID.hmacWithSha256 &&
    oidOf(cipherOid) === OID.aes256Cbc;
  const [salt, iterations, iv] = [octetsOf(saltElement), integerOf(iterationsElement), octetsOf(ivElement)];
  return known && salt && iterations !== undefined && iv?.length === 16
    ? { salt, iterations, iv }
    : undefined;
}

function readBags(contents: Buffer): ProviderBackup {
  const bags = elementsOf(fromDer(contents), 'sequence');
  if (bags?.length !== 1) throw foreign();
  const [bagOid, value, attributeSet] = elementsOf(bags[0], 'sequence') ?? [];
  if (oidOf(bagOid) !== OID.secretBag) throw foreign();
  const [secretOid, secret] = elementsOf(elementsOf(value, 'explicit')?.[0], 'sequence') ?? [];
  const kdk = octetsOf(elementsOf(secret, 'explicit')?.[0]);
  if (oidOf(secretOid) !== OID.data || !kdk) throw foreign();
  const attributes = readAttributes(attributeSet);
  return assembleBackup({
    kdk,
    friendlyName: bmpOf(attributes.get(OID.friendlyName)),
    localKeyId: octetsOf(attributes.get(OID.localKeyId)),
    remark: utf8Of(attributes.get(OID.unstructuredName)),
  });
}

function readAttributes(attributeSet: DerElement | undefined): ReadonlyMap<string, DerElement> {
  const attributes = new Map<string, DerElement>();
  for (const element of elementsOf(attributeSet, 'set') ?? []) {
    const [oidElement, values] = elementsOf(element, 'sequence') ?? [];
    const oid = oidOf(oidElement);
    const value = elementsOf(values, 'set')?.[0];
    if (oid !== undefined && value) attributes.set(oid, value);
  }
  return attributes;
}

/** What `[0]` of a ContentInfo of that type holds. */
function contentOf(contentInfo: DerElement | undefined, oid: string): DerElement | undefined {
  const [type, content] = elementsOf(contentInfo, 'sequence') ?? [];
  return oidOf(type) === oid ? elementsOf(content, 'explicit')?.[0] : undefined;
}

function requireBounded(salt: Buffer, iterations: number, limit: number): void {
  if (salt.length > SALT_LIMIT_BYTES || iterations < 1 || iterations > limit) {
    throw invalid(`it asks for more than ${limit} rounds of key derivation`);
  }
}

function invalid(problem: string): KpsimError {
  return new KpsimError(
    'backup_invalid',
    `This is no usable backup: ${problem}. Import the whole file that an export of the provider gave.`,
  );
}
