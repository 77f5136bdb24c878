import { createCipheriv, randomBytes } from 'node:crypto';

import {
  bmpString,
  explicit,
  implicitOctetString,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  sequence,
  set,
  toDer,
  utf8String,
} from './der.js';
import type { DerElement } from './der.js';
import { OID } from './object-identifiers.js';
import { contentKey, macOf } from './pkcs12-keys.js';
import { formatRemark, localKeyIdOf } from './provider-backup.js';
import type { ProviderBackup } from './provider-backup.js';

/** Rounds of PBKDF2 and of the MAC's key derivation in files written here. */
export const WRITTEN_ITERATIONS = { encryption: 100_000, mac: 50_000 };

/**
 * Writes a backup as a PKCS#12 file (RFC 7292). The KDK is a secret bag; the provider's name is its friendly name,
 * the KDK id its local key id, export time and constraints a JSON text in `unstructuredName` (own choice).
 *
 * With a password: PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC) and a MAC with SHA-256. With none or an empty one, as
 * vSphere has it, the content is not encrypted and the MAC, under the empty password, is a mere checksum.
 */
export async function writePkcs12(backup: ProviderBackup, password = ''): Promise<Buffer> {
  const contents = toDer(sequence(secretBag(backup)));
  const safe = password === '' ? plainContent(contents) : await encryptedContent(contents, password);
  contents.fill(0);
  const authenticatedSafe = toDer(sequence(safe));
  const macSalt = randomBytes(16);
  const mac = await macOf(authenticatedSafe, password, macSalt, WRITTEN_ITERATIONS.mac);
  const macData = sequence(
    sequence(sequence(objectIdentifier(OID.sha256), nothing()), octetString(mac)),
    octetString(macSalt),
    integer(WRITTEN_ITERATIONS.mac),
  );
  return toDer(sequence(integer(3), plainContent(authenticatedSafe), macData));
}

function secretBag(backup: ProviderBackup): DerElement {
  const secret = sequence(objectIdentifier(OID.data), explicit(octetString(backup.kdk)));
  return sequence(
    objectIdentifier(OID.secretBag),
    explicit(secret),
    set(
      attribute(OID.friendlyName, bmpString(backup.provider)),
      attribute(OID.localKeyId, octetString(localKeyIdOf(backup))),
      attribute(OID.unstructuredName, utf8String(formatRemark(backup))),
    ),
  );
}

function attribute(oid: string, value: DerElement): DerElement {
  return sequence(objectIdentifier(oid), set(value));
}

function plainContent(content: Buffer): DerElement {
  return sequence(objectIdentifier(OID.data), explicit(octetString(content)));
}

async function encryptedContent(content: Buffer, password: string): Promise<DerElement> {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = await contentKey(password, salt, WRITTEN_ITERATIONS.encryption);
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = Buffer.concat([cipher.update(content), cipher.final()]);
  key.fill(0);
  const algorithm = sequence(
    objectIdentifier(OID.pbes2),
    sequence(
      sequence(
        objectIdentifier(OID.pbkdf2),
        sequence(
          octetString(salt),
          integer(WRITTEN_ITERATIONS.encryption),
          sequence(objectIdentifier(OID.hmacWithSha256), nothing()),
        ),
      ),
      sequence(objectIdentifier(OID.aes256Cbc), octetString(iv)),
    ),
  );
  const encrypted = sequence(objectIdentifier(OID.data), algorithm, implicitOctetString(ciphertext));
  return sequence(objectIdentifier(OID.encryptedData), explicit(sequence(integer(0), encrypted)));
}
