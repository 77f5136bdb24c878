import type { X509Certificate } from 'node:crypto';
import { KeyObject, createPrivateKey, createPublicKey, generateKeyPair, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { Clock } from '../clock.js';
import { systemClock } from '../clock.js';
import { makePrivateDir, writeFileDurable } from '../data-dir.js';
import type { KeyAndCertificate } from './certificate.js';
import { parseCertificate, parsePemChain } from './certificate.js';
import type { AlternativeName, CertificateFields } from './certificate-encoding.js';
import {
  EXTENSION,
  authorityExtensions,
  authorityKeyIdentifier,
  extendedKeyUsage,
  nameOf,
  signedCertificate,
  subjectAlternativeName,
} from './certificate-encoding.js';
import { certificateParts } from './certificate-parts.js';
import { isAddress } from './ip-address.js';

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** P-256 as OpenSSL calls it. */
const CURVE = 'prime256v1';
const DAY_MS = 86_400_000;
const CA_LIFETIME_DAYS = 3650;
const LEAF_LIFETIME_DAYS = 825;
/** Certificates start this long before they are made, for clients whose clock is behind. */
const BACKDATE_MS = DAY_MS;

/** What a server's certificate is to vouch for. */
export interface ServerCertificateRequest {
  readonly commonName: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** What a certificate is to say about its key's use and life. */
export interface CertificateProfile {
  readonly commonName: string;
  /** Extended key usage OIDs; none leaves the extension out. */
  readonly extendedKeyUsages?: readonly string[];
  readonly subjectAlternativeNames?: readonly AlternativeName[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Further extensions in DER, for example a TPM's directoryName. */
  readonly extensions?: readonly Buffer[];
}

/** Extended key usages of TLS (RFC 5280 §4.2.1.12). */
export const EXTENDED_KEY_USAGE = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** A certificate authority of ECDSA P-256, kept in memory or as two files. */
export class CertificateAuthority {
  /** The authority's own certificate. */
  readonly certificate: X509Certificate;
  readonly #keys: KeyPair;
  readonly #clock: Clock;
  readonly #issuersPem: string;

  private constructor(certificate: X509Certificate, keys: KeyPair, clock: Clock, issuersPem: string) {
    this.certificate = certificate;
    this.#keys = keys;
    this.#clock = clock;
    this.#issuersPem = issuersPem;
  }

  /** Makes a new root. */
  static async create(options: {
    readonly commonName: string;
    readonly clock?: Clock;
  }): Promise<CertificateAuthority> {
    const clock = options.clock ?? systemClock;
    const keys = await newKeys();
    const certificate = selfSignedCertificate(options.commonName, keys, {
      ...validity(clock, CA_LIFETIME_DAYS),
      extensions: authorityExtensions(keys.spki),
    });
    return new CertificateAuthority(certificate, keys, clock, '');
  }

  /** Makes an intermediate authority below this one. */
  async createIntermediate(commonName: string): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const certificate = this.#sign({
      subject: nameOf(commonName),
      spki: keys.spki,
      ...validity(this.#clock, CA_LIFETIME_DAYS),
      extensions: authorityExtensions(keys.spki),
    });
    return new CertificateAuthority(certificate, keys, this.#clock, this.caChainPem);
  }

  /** Loads what {@link save} wrote. @throws Error if that is no longer there or has changed */
  static async load(directory: string, clock: Clock = systemClock): Promise<CertificateAuthority> {
    const [certificatePem, keyPem] = await Promise.all([
      readFile(join(directory, 'ca.pem'), 'utf8'),
      readFile(join(directory, 'ca-key.pem'), 'utf8'),
    ]);
    const [certificate, ...issuers] = parsePemChain(certificatePem);
    if (!certificate) throw new Error(`${directory} holds no certificate authority`);
    const privateKey = createPrivateKey(keyPem);
    if (privateKey.asymmetricKeyDetails?.namedCurve !== CURVE) throw new Error('its key is not one of P-256');
    const issuersPem = issuers.map((issuer) => issuer.toString()).join('');
    return new CertificateAuthority(certificate, keyPairOf(privateKey), clock, issuersPem);
  }

  /** Writes `ca.pem` and `ca-key.pem` (mode 0600) into a directory. */
  async save(directory: string): Promise<void> {
    await makePrivateDir(directory);
    await writeFileDurable(join(directory, 'ca-key.pem'), pemOf(this.#keys.privateKey));
    await writeFileDurable(join(directory, 'ca.pem'), this.caChainPem);
  }

  /** The authority's certificate alone, in PEM. */
  get caPem(): string {
    return this.certificate.toString();
  }

  /** The authority's certificate followed by its issuers', in PEM. */
  get caChainPem(): string {
    return this.caPem + this.#issuersPem;
  }

  /** A key and certificate for a TLS server. */
  issueServer(request: ServerCertificateRequest): Promise<KeyAndCertificate> {
    const dns = (request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value }));
    const ips = (request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value }));
    return this.issue({
      commonName: request.commonName,
      extendedKeyUsages: [EXTENDED_KEY_USAGE.serverAuth, EXTENDED_KEY_USAGE.clientAuth],
      subjectAlternativeNames: [...dns, ...ips],
    });
  }

  /** A key and certificate for a TLS client. */
  issueClient(request: { readonly commonName: string }): Promise<KeyAndCertificate> {
    return this.issue({
      commonName: request.commonName,
      extendedKeyUsages: [EXTENDED_KEY_USAGE.clientAuth],
    });
  }

  /** A new P-256 key with a certificate after `profile`. */
  async issue(profile: CertificateProfile): Promise<KeyAndCertificate> {
    const { privateKey } = await newKeys();
    const certificatePem = this.issueFor(createPublicKey(privateKey), profile).toString();
    return {
      certificatePem,
      privateKeyPem: pemOf(privateKey),
      chainPem: certificatePem + this.caChainPem,
    };
  }

  /** A certificate after `profile` for a public key that is held elsewhere, for example in a TPM or a CSR. */
  issueFor(publicKey: KeyObject | CryptoKey, profile: CertificateProfile): X509Certificate {
    const lifetime = validity(this.#clock, LEAF_LIFETIME_DAYS);
    return this.#sign({
      subject: nameOf(profile.commonName),
      spki: spkiOf(publicKey),
      notBefore: profile.notBefore ?? lifetime.notBefore,
      notAfter: profile.notAfter ?? lifetime.notAfter,
      extensions: leafExtensions(profile),
    });
  }

  /** A certificate like another, for the same key, that expired a day ago: clients must refuse it. In PEM. */
  expiredTwin(certificatePem: string): string {
    const model = parseCertificate(certificatePem);
    const { subject, extensions } = certificateParts(model);
    const ended = this.#clock.now() - DAY_MS;
    const twin = this.#sign({
      subject,
      spki: spkiOf(model.publicKey),
      notBefore: new Date(ended - DAY_MS),
      notAfter: new Date(ended),
      extensions: extensions
        .filter(({ identifier }) => identifier !== EXTENSION.authorityKeyIdentifier)
        .map(({ encoded }) => encoded),
    });
    return twin.toString();
  }

  /** A revocation list over the serial numbers given (hex), signed by this authority, in PEM. */
  async revocationList(revokedSerialNumbersHex: readonly string[]): Promise<string> {
    const now = new Date(this.#clock.now());
    const { x509 } = await import('./x509.js');
    const crl = await x509.X509CrlGenerator.create({
      issuer: new x509.X509Certificate(new Uint8Array(this.certificate.raw)).subjectName,
      thisUpdate: new Date(now.getTime() - BACKDATE_MS),
      nextUpdate: new Date(now.getTime() + LEAF_LIFETIME_DAYS * DAY_MS),
      entries: revokedSerialNumbersHex.map((serialNumber) => ({ serialNumber, revocationDate: now })),
      signingAlgorithm: EC_P256,
      signingKey: await signingKeyOf(this.#keys.privateKey),
    });
    return `${crl.toString('pem')}\n`;
  }

  #sign(fields: Omit<CertificateFields, 'issuer'>): X509Certificate {
    const { subject } = certificateParts(this.certificate);
    const extensions = [...fields.extensions, authorityKeyIdentifier(this.#keys.spki)];
    return signedCertificate({ ...fields, issuer: subject, extensions }, this.#keys.privateKey);
  }
}

/** A key with a certificate that it signed itself, as vCenter makes for KMIP (no extended key usage). */
export async function selfSigned(request: {
  readonly commonName: string;
  readonly clock?: Clock;
}): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificate = selfSignedCertificate(request.commonName, keys, {
    ...validity(request.clock ?? systemClock, LEAF_LIFETIME_DAYS),
    extensions: [],
  });
  const certificatePem = certificate.toString();
  return { certificatePem, privateKeyPem: pemOf(keys.privateKey), chainPem: certificatePem };
}

/** A P-256 key. */
interface KeyPair {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
}

/** The SAN entries of a server reached at `host`: an address for an IP, a name otherwise. */
export function alternativeNamesFor(
  hosts: readonly string[],
): Required<Omit<ServerCertificateRequest, 'commonName'>> {
  return {
    dnsNames: hosts.filter((host) => !isAddress(host)),
    ipAddresses: hosts.filter(isAddress),
  };
}

async function newKeys(): Promise<KeyPair> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: CURVE });
  return keyPairOf(privateKey);
}

function keyPairOf(privateKey: KeyObject): KeyPair {
  return { privateKey, spki: spkiOf(createPublicKey(privateKey)) };
}

function spkiOf(publicKey: KeyObject | CryptoKey): Buffer {
  const key = publicKey instanceof KeyObject ? publicKey : KeyObject.from(publicKey);
  return key.export({ type: 'spki', format: 'der' });
}

/** PKCS#8. */
function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The key as the X.509 library takes it. */
function signingKeyOf(privateKey: KeyObject): Promise<CryptoKey> {
  const der = privateKey.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, EC_P256, false, ['sign']);
}

function validity(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const now = clock.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) };
}

function selfSignedCertificate(
  commonName: string,
  { privateKey, spki }: KeyPair,
  rest: Pick<CertificateFields, 'notBefore' | 'notAfter' | 'extensions'>,
): X509Certificate {
  const name = nameOf(commonName);
  return signedCertificate({ subject: name, issuer: name, spki, ...rest }, privateKey);
}

function leafExtensions(profile: CertificateProfile): readonly Buffer[] {
  const { extensions = [], extendedKeyUsages = [], subjectAlternativeNames = [] } = profile;
  return [
    ...extensions,
    ...(extendedKeyUsages.length > 0 ? [extendedKeyUsage(extendedKeyUsages)] : []),
    ...(subjectAlternativeNames.length > 0 ? [subjectAlternativeName(subjectAlternativeNames)] : []),
  ];
}
