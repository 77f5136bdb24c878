import type { KeyObject } from 'node:crypto';
import { X509Certificate } from 'node:crypto';

import { zeroise } from '../../core/secret.js';
import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError, attributeOf } from '../../wire/kmip/index.js';
import { exported } from '../keys/key-der.js';
import { keyFacts } from '../keys/key-facts.js';
import { checked, privateKeyOf, publicKeyOf, samePublicKey, secretBytesOf } from '../keys/key-object.js';
import { readPkcs12, writePkcs12 } from '../keys/pkcs12/container.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { certificateAttributes } from './certificate.js';
import { withFound } from './found-attributes.js';
import { stateAt } from './lifecycle.js';
import { linksOf, withLink } from './links.js';
import type { ManagedObject } from './managed-object.js';
import { newObject } from './new-object.js';

/** Certificates of a chain at most. */
const CHAIN_LIMIT = 16;
/** The Friendly Name where an object has none (KMIP 1.4 §3.45). */
const DEFAULT_ALIAS = 'alias';

/**
 * A private key with its certificate chain as a PKCS#12 container (KMIP 1.4 §4.11), under the password that its
 * PKCS#12 Password Link leads to. The chain follows PKCS#12 Certificate Links, else Certificate Links, of the private
 * key, its public key, and then of each certificate.
 *
 * @throws Refusal `passwordLinkWrong`, `passwordNotActive`, KmipError `KeyFormatTypeNotSupported` for other objects,
 *   `IllegalOperation` if there are several chains
 */
export async function pkcs12Of(object: ManagedObject, scope: RequestScope): Promise<ManagedObjectValue> {
  const { value } = object;
  if (value?.objectType !== 'PrivateKey') {
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      `A ${object.objectType} has no form as PKCS_12; a Private Key has.`,
    );
  }
  const password = await passwordOf(passwordLinks(object), scope);
  const privateKey = exported(privateKeyOf(value), 'pkcs8');
  const container = await writePkcs12(
    {
      privateKey,
      friendlyName: object.get('PKCS_12FriendlyName') ?? DEFAULT_ALIAS,
      certificates: await chainOf(object, publicKeyOf(value), scope),
    },
    password,
  );
  zeroise(privateKey);
  return { ...value, keyBlock: { keyFormatType: 'PKCS_12', keyValue: container } };
}

/** What becomes of a PKCS#12 container that is registered. */
export interface RegisteredContainer {
  /** The private key in it, as PKCS#8. */
  readonly value: ManagedObjectValue;
  readonly friendlyName: string | undefined;
  /** Identifier of the private key's certificate, now an object with its chain after it. */
  readonly certificateIdentifier: string | undefined;
}

/**
 * Opens a container that a client registers: the private key is kept as PKCS#8, its certificates become objects of
 * their own, linked as a chain (OASIS test case TC-PKCS12-2-14).
 */
export async function registeredContainer(
  file: Buffer,
  given: readonly Attribute[],
  scope: RequestScope,
): Promise<RegisteredContainer> {
  const links = given.flatMap(({ name, value }) => (name === 'Link' ? [value] : []));
  const password = await passwordOf(
    links.filter(({ type }) => type === 'PKCS_12PasswordLink').map((link) => link.linkedObjectIdentifier),
    scope,
  );
  const alias = given.find(({ name }) => name === 'PKCS_12FriendlyName')?.value as string | undefined;
  const { privateKey, friendlyName, certificates } = await readPkcs12(file, password, alias);
  const value: ManagedObjectValue = {
    objectType: 'PrivateKey',
    keyBlock: { keyFormatType: 'PKCS_8', keyValue: { keyMaterial: privateKey } },
  };
  const { algorithm, lengthBits } = keyFacts(privateKeyOf(value));
  return {
    value: {
      ...value,
      keyBlock: { ...value.keyBlock, cryptographicAlgorithm: algorithm, cryptographicLength: lengthBits },
    },
    friendlyName,
    certificateIdentifier: await keptChain(certificates, publicKeyOf(value), friendlyName, scope),
  };
}

function passwordLinks(object: ManagedObject): string[] {
  return linksOf(object, 'PKCS_12PasswordLink');
}

/** The password that the only link leads to (KMIP 1.4 §11.4). */
async function passwordOf(
  links: readonly Parameters<RequestScope['object']>[0][],
  scope: RequestScope,
): Promise<string> {
  const [link, ...more] = links;
  if (link === undefined || more.length > 0) {
    throw new Refusal('passwordLinkWrong', 'A PKCS#12 container needs exactly one PKCS#12 Password Link.');
  }
  const secret = await scope.object(link);
  if (secret.value?.objectType !== 'SecretData' || secret.value.secretDataType !== 'Password') {
    throw new Refusal(
      'passwordLinkWrong',
      'The PKCS#12 Password Link must lead to Secret Data that is a Password.',
    );
  }
  const state = stateAt(secret, scope.nowSeconds);
  if (state !== 'Active') {
    throw new Refusal(
      'passwordNotActive',
      `The password of the PKCS#12 container must be Active; it is ${state}.`,
    );
  }
  return secretBytesOf(secret.value).toString('utf8');
}

/** Certificates of a private key, its own first. */
async function chainOf(privateKey: ManagedObject, key: KeyObject, scope: RequestScope): Promise<Buffer[]> {
  const publicKeys = await objectsOf(linksOf(privateKey, 'PublicKeyLink'), scope);
  const starts = [privateKey, ...publicKeys].map(nextInChain).find((links) => links.length > 0) ?? [];
  const chain: ManagedObject[] = [];
  for (let links = starts; links.length > 0 && chain.length < CHAIN_LIMIT;) {
    const [next, ...others] = await objectsOf(links, scope);
    if (others.length > 0) {
      throw new KmipError(
        'IllegalOperation',
        'There is more than one certificate chain. Leave one Certificate Link.',
      );
    }
    if (!next || chain.some((known) => known.uniqueIdentifier === next.uniqueIdentifier)) break;
    chain.push(next);
    links = nextInChain(next);
  }
  const certificates = chain.flatMap(({ value }) =>
    value?.objectType === 'Certificate' ? [value.certificateValue] : [],
  );
  const [own] = certificates;
  if (
    own &&
    !samePublicKey(
      checked('Certificate', () => new X509Certificate(own).publicKey),
      key,
    )
  ) {
    throw new KmipError(
      'IllegalOperation',
      'The linked certificate is for another key. Correct the Certificate Link.',
    );
  }
  return certificates;
}

function nextInChain(object: ManagedObject): string[] {
  const links = linksOf(object, 'PKCS_12CertificateLink');
  return links.length > 0 ? links : linksOf(object, 'CertificateLink');
}

async function objectsOf(identifiers: readonly string[], scope: RequestScope): Promise<ManagedObject[]> {
  const objects: ManagedObject[] = [];
  for (const identifier of identifiers) objects.push(await scope.object(identifier));
  return objects;
}

/** Keeps certificates as objects, the key's own first, each linked with its issuer's; the identifier of the first. */
async function keptChain(
  certificates: readonly Buffer[],
  key: KeyObject,
  friendlyName: string | undefined,
  scope: RequestScope,
): Promise<string | undefined> {
  const parsed = certificates.map((der) => checked('Certificate', () => new X509Certificate(der)));
  let current = parsed.find((certificate) => samePublicKey(certificate.publicKey, key));
  let rest = parsed.filter((certificate) => certificate !== current);
  const chain: X509Certificate[] = [];
  while (current && chain.length < CHAIN_LIMIT) {
    chain.push(current);
    const below = current;
    current = rest.find((certificate) => below.checkIssued(certificate));
    rest = rest.filter((certificate) => certificate !== current);
  }
  let issuer: string | undefined;
  for (const certificate of chain.reverse()) {
    const named = certificate === chain.at(-1) ? friendlyName : undefined;
    const kept = await keptCertificate(certificate.raw, named, scope);
    scope.workspace.add(issuer === undefined ? kept : withLink(kept, 'PKCS_12CertificateLink', issuer));
    issuer = kept.uniqueIdentifier;
  }
  return issuer;
}

async function keptCertificate(
  der: Buffer,
  friendlyName: string | undefined,
  scope: RequestScope,
): Promise<ManagedObject> {
  const value = {
    objectType: 'Certificate',
    certificateType: 'X_509',
    certificateValue: Buffer.from(der),
  } as const;
  const given = friendlyName === undefined ? [] : [attributeOf('PKCS_12FriendlyName', friendlyName)];
  const made = await newObject('Certificate', value, given, { madeHere: false }, scope);
  return withFound(made, certificateAttributes(value));
}
