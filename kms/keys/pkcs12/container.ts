import { KmipError } from '../../../wire/kmip/index.js';
import type { DerValue } from '../../../wire/der/decode.js';
import {
  derBmpString,
  derContext,
  derInteger,
  derContextPrimitive,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
} from '../../../wire/der/encode.js';
import {
  derContextOf,
  derIntegerOf,
  derObjectIdentifierOf,
  derOctetStringOf,
  derRaw,
  derSequenceElements,
  derValues,
} from '../der.js';
import { decrypted, demandMac, encrypted, macData } from './encryption.js';

/** What a PKCS#12 container holds (RFC 7292). */
export interface Pkcs12Content {
  /** PrivateKeyInfo of PKCS#8, in DER; clear it after use. */
  readonly privateKey: Buffer;
  /** Alias of the private key. */
  readonly friendlyName: string | undefined;
  /** X.509 certificates in DER, in the container's order. */
  readonly certificates: readonly Buffer[];
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
} as const;

/** Safes and bags that are looked at. */
const PARTS_LIMIT = 64;
const CONTEXT_0_PRIMITIVE = 0x80;

interface Bag {
  readonly type: string;
  readonly value: DerValue;
  readonly friendlyName: string | undefined;
}

/**
 * Opens a container.
 *
 * @param alias the Friendly Name of the private key that is meant; the first private key if undefined
 * @throws KmipError `InvalidField`, `CryptographicFailure`
 */
export async function readPkcs12(
  file: Buffer,
  password: string,
  alias: string | undefined,
): Promise<Pkcs12Content> {
  const [version, authSafe, mac] = derSequenceElements(file);
  if (!authSafe || !mac || derIntegerOf(version) !== 3n) throw invalid('is no container with a MAC');
  const content = derOctetStringOf(contentOf(authSafe, OID.data));
  await demandMac(mac, content, password);
  const safes = derSequenceElements(content);
  const bags: Bag[] = [];
  for (const safe of safes.slice(0, PARTS_LIMIT)) bags.push(...(await bagsIn(safe, password)));

  const keys = bags.filter(({ type }) => type === OID.keyBag || type === OID.shroudedKeyBag);
  const key = keys.find(
    ({ friendlyName }) => alias === undefined || friendlyName?.toLowerCase() === alias.toLowerCase(),
  );
  if (!key)
    throw invalid(
      alias === undefined ? 'holds no private key' : 'holds no private key of that Friendly Name',
    );
  return {
    privateKey: await privateKeyIn(key, password),
    friendlyName: key.friendlyName,
    certificates: bags.filter(({ type }) => type === OID.certBag).flatMap(certificateIn),
  };
}

/** A container as openssl and Java read it: PBES2 with AES-256, MAC with SHA-256. */
export async function writePkcs12(content: Pkcs12Content, password: string): Promise<Buffer> {
  const localKeyId = derOctetString(Buffer.from([1]));
  const attributes = derSet(
    derSequence(derObjectIdentifier(OID.friendlyName), derSet(derBmpString(content.friendlyName ?? 'alias'))),
    derSequence(derObjectIdentifier(OID.localKeyId), derSet(localKeyId)),
  );
  const key = await encrypted(content.privateKey, password);
  const keyBag = bag(OID.shroudedKeyBag, derSequence(key.algorithm, derOctetString(key.sealed)), attributes);
  const certBags = content.certificates.map((certificate, index) => {
    const value = derSequence(
      derObjectIdentifier(OID.x509Certificate),
      derContext(0, derOctetString(certificate)),
    );
    return index === 0 ? bag(OID.certBag, value, attributes) : bag(OID.certBag, value);
  });
  const certificates = await encrypted(derSequence(...certBags), password);
  const sealedContent = derSequence(
    derObjectIdentifier(OID.data),
    certificates.algorithm,
    derContextPrimitive(0, certificates.sealed),
  );
  const authenticatedSafe = derSequence(
    derSequence(
      derObjectIdentifier(OID.encryptedData),
      derContext(0, derSequence(derInteger(0n), sealedContent)),
    ),
    derSequence(derObjectIdentifier(OID.data), derContext(0, derOctetString(derSequence(keyBag)))),
  );
  return derSequence(
    derInteger(3n),
    derSequence(derObjectIdentifier(OID.data), derContext(0, derOctetString(authenticatedSafe))),
    await macData(authenticatedSafe, password),
  );
}

function bag(type: string, value: Buffer, attributes?: Buffer): Buffer {
  return derSequence(derObjectIdentifier(type), derContext(0, value), ...(attributes ? [attributes] : []));
}

/** What `[0]` of a ContentInfo of that type holds. */
function contentOf(contentInfo: DerValue, type: string): DerValue {
  const [oid, content] = derValues(contentInfo.content);
  if (derObjectIdentifierOf(oid) !== type) throw invalid('is not protected by a password');
  return derContextOf(content, 0);
}

async function bagsIn(safe: DerValue, password: string): Promise<Bag[]> {
  const [oid, content] = derValues(safe.content);
  const inner = derContextOf(content, 0);
  const plain =
    derObjectIdentifierOf(oid) === OID.data ? derOctetStringOf(inner) : await opened(inner, password);
  return derSequenceElements(plain).slice(0, PARTS_LIMIT).map(bagOf);
}

/** The content of an EncryptedData (RFC 5652 §8). */
async function opened(encryptedData: DerValue, password: string): Promise<Buffer> {
  const [, info] = derValues(encryptedData.content);
  const [, algorithm, sealed] = info ? derValues(info.content) : [];
  if (!algorithm || sealed?.tag !== CONTEXT_0_PRIMITIVE) throw invalid('has a safe that is not understood');
  return decrypted(algorithm, sealed.content, password);
}

function bagOf(encodedBag: DerValue): Bag {
  const [oid, value, attributes] = derValues(encodedBag.content);
  return {
    type: derObjectIdentifierOf(oid),
    value: derContextOf(value, 0),
    friendlyName: friendlyNameIn(attributes),
  };
}

function friendlyNameIn(attributes: DerValue | undefined): string | undefined {
  for (const attribute of attributes ? derValues(attributes.content) : []) {
    const [oid, values] = derValues(attribute.content);
    if (derObjectIdentifierOf(oid) !== OID.friendlyName) continue;
    const [value] = values ? derValues(values.content) : [];
    // A BMPString is UTF-16, big-endian.
    if (value && value.content.length % 2 === 0)
      return Buffer.from(value.content).swap16().toString('utf16le');
  }
  return undefined;
}

async function privateKeyIn({ type, value }: Bag, password: string): Promise<Buffer> {
  if (type === OID.keyBag) return Buffer.from(derRaw(value));
  const [algorithm, sealed] = derValues(value.content);
  if (!algorithm) throw invalid('has a private key that is not understood');
  return decrypted(algorithm, derOctetStringOf(sealed), password);
}

/** The certificate of a bag; none for SDSI certificates. */
function certificateIn({ value }: Bag): Buffer[] {
  const [oid, certificate] = derValues(value.content);
  if (derObjectIdentifierOf(oid) !== OID.x509Certificate) return [];
  return [Buffer.from(derOctetStringOf(derContextOf(certificate, 0)))];
}

function invalid(problem: string): KmipError {
  return new KmipError('InvalidField', `The PKCS#12 container ${problem}.`);
}
