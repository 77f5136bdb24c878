import { createCipheriv, createDecipheriv, createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';

import { KmipError } from '../../../wire/kmip/index.js';
import {
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '../../../wire/der/encode.js';
import {
  bigIntOf,
  derIntegerOf,
  derObjectIdentifierOf,
  derOctetStringOf,
  derRaw,
  derSequenceElements,
  derValues,
} from '../der.js';
import type { DerValue } from '../../../wire/der/decode.js';

const derive = promisify(pbkdf2);

/** Rounds that a container may ask for: each costs time, and the container says how many. */
const ITERATION_LIMIT = 1_000_000;
/** The key derivation of RFC 7292 runs in this thread; it pauses after so many rounds. */
const OWN_ITERATION_LIMIT = 200_000;
const ROUNDS_A_TURN = 2000;
const SALT_LIMIT_BYTES = 64;
/** Rounds of containers written here. */
const WRITTEN_ITERATIONS = 10_000;
const WRITTEN_SALT_BYTES = 16;
const IV_BYTES = 16;

const OID = {
  pbes2: '1.2.840.113549.1.5.13',
  pbkdf2: '1.2.840.113549.1.5.12',
  hmacWithSha256: '1.2.840.113549.2.9',
  aes256: '2.16.840.1.101.3.4.1.42',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** Pseudo-random functions of PBKDF2 (RFC 8018 §B.1). */
const PRFS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.8': 'sha224',
  [OID.hmacWithSha256]: 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
/** Ciphers of PBES2. */
const CIPHERS: Readonly<Record<string, { readonly cipher: string; readonly keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { cipher: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { cipher: 'aes-192-cbc', keyBytes: 24 },
  [OID.aes256]: { cipher: 'aes-256-cbc', keyBytes: 32 },
  '1.2.840.113549.3.7': { cipher: 'des-ede3-cbc', keyBytes: 24 },
};
/** Schemes of RFC 7292 appendix C whose ciphers there still are. */
const OWN_SCHEMES: Readonly<Record<string, { readonly cipher: string; readonly keyBytes: number }>> = {
  '1.2.840.113549.1.12.1.3': { cipher: 'des-ede3-cbc', keyBytes: 24 },
  '1.2.840.113549.1.12.1.4': { cipher: 'des-ede-cbc', keyBytes: 16 },
};
/** Hashes of the MAC: name, and bytes of a block and of the result. */
const HASHES: Readonly<Record<string, { readonly hash: string; readonly block: number }>> = {
  '1.3.14.3.2.26': { hash: 'sha1', block: 64 },
  '2.16.840.1.101.3.4.2.4': { hash: 'sha224', block: 64 },
  [OID.sha256]: { hash: 'sha256', block: 64 },
  '2.16.840.1.101.3.4.2.2': { hash: 'sha384', block: 128 },
  '2.16.840.1.101.3.4.2.3': { hash: 'sha512', block: 128 },
};
/** What keys of RFC 7292 appendix B.3 are for. */
const PURPOSES = { key: 1, iv: 2, mac: 3 } as const;

/** Opens what an AlgorithmIdentifier of a password-based scheme says how to open. @throws KmipError */
export async function decrypted(algorithm: DerValue, sealed: Buffer, password: string): Promise<Buffer> {
  const [oid, parameters] = derValues(algorithm.content);
  const scheme = derObjectIdentifierOf(oid);
  const fields = parameters ? derSequenceElements(derRaw(parameters)) : [];
  const { cipher, key, iv } =
    scheme === OID.pbes2 ? await pbes2(fields, password) : await ownScheme(scheme, fields, password);
  try {
    const decipher = createDecipheriv(cipher, key, iv);
    return Buffer.concat([decipher.update(sealed), decipher.final()]);
  } catch {
    throw wrongPassword();
  } finally {
    key.fill(0);
  }
}

/** Seals bytes under PBES2 with AES-256; the AlgorithmIdentifier that opens them, and the sealed bytes. */
export async function encrypted(
  plain: Buffer,
  password: string,
): Promise<{ readonly algorithm: Buffer; readonly sealed: Buffer }> {
  const salt = randomBytes(WRITTEN_SALT_BYTES);
  const iv = randomBytes(IV_BYTES);
  const key = await derive(password, salt, WRITTEN_ITERATIONS, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  key.fill(0);
  const prf = derSequence(derObjectIdentifier(OID.hmacWithSha256), derNull());
  const derivation = derSequence(derOctetString(salt), derInteger(BigInt(WRITTEN_ITERATIONS)), prf);
  const algorithm = derSequence(
    derObjectIdentifier(OID.pbes2),
    derSequence(
      derSequence(derObjectIdentifier(OID.pbkdf2), derivation),
      derSequence(derObjectIdentifier(OID.aes256), derOctetString(iv)),
    ),
  );
  return { algorithm, sealed };
}

/** Checks a MacData (RFC 7292 §4). @throws KmipError `CryptographicFailure` */
export async function demandMac(macData: DerValue, content: Buffer, password: string): Promise<void> {
  const [digestInfo, salt, rounds] = derValues(macData.content);
  const [algorithm, digest] = digestInfo ? derValues(digestInfo.content) : [];
  const oid = derObjectIdentifierOf(algorithm && derValues(algorithm.content)[0]);
  const row = Object.hasOwn(HASHES, oid) ? HASHES[oid] : undefined;
  if (!row) throw unsupported(`MAC ${oid}`);
  const iterations = rounds ? Number(derIntegerOf(rounds)) : 1;
  const mac = await macOf(row, content, derOctetStringOf(salt), iterations, password);
  if (!mac.equals(derOctetStringOf(digest))) throw wrongPassword();
}

/** A MacData with SHA-256. */
export async function macData(content: Buffer, password: string): Promise<Buffer> {
  const salt = randomBytes(WRITTEN_SALT_BYTES);
  const mac = await macOf({ hash: 'sha256', block: 64 }, content, salt, WRITTEN_ITERATIONS, password);
  const algorithm = derSequence(derObjectIdentifier(OID.sha256), derNull());
  return derSequence(
    derSequence(algorithm, derOctetString(mac)),
    derOctetString(salt),
    derInteger(BigInt(WRITTEN_ITERATIONS)),
  );
}

interface OpenedScheme {
  readonly cipher: string;
  readonly key: Buffer;
  readonly iv: Buffer;
}

async function pbes2([derivation, encryption]: readonly DerValue[], password: string): Promise<OpenedScheme> {
  const [derivationOid, parameters] = derivation ? derValues(derivation.content) : [];
  const [cipherOid, iv] = encryption ? derValues(encryption.content) : [];
  const cipher = CIPHERS[derObjectIdentifierOf(cipherOid)];
  if (derObjectIdentifierOf(derivationOid) !== OID.pbkdf2 || !cipher) throw unsupported('cipher');
  const [salt, rounds, ...rest] = parameters ? derValues(parameters.content) : [];
  // An optional key length may stand before the function.
  const prfField = rest.find(({ tag }) => tag === 0x30);
  const prf = prfField ? PRFS[derObjectIdentifierOf(derValues(prfField.content)[0])] : 'sha1';
  if (prf === undefined) throw unsupported('key derivation');
  const iterations = Number(derIntegerOf(rounds));
  const saltBytes = derOctetStringOf(salt);
  demandBounded(saltBytes, iterations, ITERATION_LIMIT);
  const key = await derive(password, saltBytes, iterations, cipher.keyBytes, prf);
  return { cipher: cipher.cipher, key, iv: derOctetStringOf(iv) };
}

async function ownScheme(
  scheme: string,
  [salt, rounds]: readonly DerValue[],
  password: string,
): Promise<OpenedScheme> {
  const row = Object.hasOwn(OWN_SCHEMES, scheme) ? OWN_SCHEMES[scheme] : undefined;
  if (!row) throw unsupported(`cipher ${scheme}`);
  const from = {
    hash: 'sha1',
    block: 64,
    salt: derOctetStringOf(salt),
    iterations: Number(derIntegerOf(rounds)),
  };
  const key = await ownKey(from, PURPOSES.key, row.keyBytes, password);
  return { cipher: row.cipher, key, iv: await ownKey(from, PURPOSES.iv, 8, password) };
}

async function macOf(
  { hash, block }: { readonly hash: string; readonly block: number },
  content: Buffer,
  salt: Buffer,
  iterations: number,
  password: string,
): Promise<Buffer> {
  const bytes = createHash(hash).digest().length;
  const key = await ownKey({ hash, block, salt, iterations }, PURPOSES.mac, bytes, password);
  return createHmac(hash, key).update(content).digest();
}

/** The key derivation of RFC 7292 appendix B.2. */
async function ownKey(
  from: { readonly hash: string; readonly block: number; readonly salt: Buffer; readonly iterations: number },
  purpose: number,
  byteCount: number,
  password: string,
): Promise<Buffer> {
  const { hash, block, salt, iterations } = from;
  demandBounded(salt, iterations, OWN_ITERATION_LIMIT);
  const terminated = Buffer.from(`${password}\0`, 'utf16le').swap16();
  let input = Buffer.concat([repeated(salt, block), repeated(terminated, block)]);
  const output: Buffer[] = [];
  for (let made = 0; made < byteCount;) {
    let digest = createHash(hash).update(Buffer.alloc(block, purpose)).update(input).digest();
    for (let round = 1; round < iterations; round += 1) {
      if (round % ROUNDS_A_TURN === 0) await setImmediate();
      digest = createHash(hash).update(digest).digest();
    }
    output.push(digest);
    made += digest.length;
    const addend = bigIntOf(Buffer.alloc(block, digest)) + 1n;
    input = Buffer.concat(blocksOf(input, block).map((one) => sumModulo(one, addend, block)));
  }
  return Buffer.concat(output).subarray(0, byteCount);
}

/** Bytes repeated up to a whole number of blocks. */
function repeated(bytes: Buffer, block: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes);
}

function blocksOf(bytes: Buffer, block: number): Buffer[] {
  return Array.from({ length: bytes.length / block }, (_, index) =>
    bytes.subarray(index * block, (index + 1) * block),
  );
}

function sumModulo(bytes: Buffer, addend: bigint, block: number): Buffer {
  const sum = BigInt.asUintN(block * 8, bigIntOf(bytes) + addend);
  return Buffer.from(sum.toString(16).padStart(block * 2, '0'), 'hex');
}

function demandBounded(salt: Buffer, iterations: number, limit: number): void {
  if (salt.length <= SALT_LIMIT_BYTES && iterations >= 1 && iterations <= limit) return;
  throw new KmipError(
    'InvalidField',
    `The PKCS#12 container asks for more than ${limit} rounds of key derivation.`,
  );
}

function unsupported(what: string): KmipError {
  return new KmipError(
    'CryptographicFailure',
    `The PKCS#12 container uses a ${what} that this server does not have. Make it with AES-256 and SHA-256.`,
  );
}

function wrongPassword(): KmipError {
  return new KmipError(
    'CryptographicFailure',
    'The password of the PKCS#12 container is wrong, or it was altered.',
  );
}
