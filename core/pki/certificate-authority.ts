import { randomBytes, webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SocketAddress, isIPv4 } from 'node:net';
import { join } from 'node:path';

import type { Clock } from '../clock.js';
import { systemClock } from '../clock.js';
import { makePrivateDir, writeFileDurable } from '../data-dir.js';
import type { KeyAndCertificate } from './certificate.js';
import { x509 } from './x509.js';

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
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
  readonly subjectAlternativeNames?: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Further extensions, for example a TPM's directoryName. */
  readonly extensions?: readonly x509.Extension[];
}

/** Extended key usages of TLS (RFC 5280 §4.2.1.12). */
export const EXTENDED_KEY_USAGE = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;

/** A certificate authority of ECDSA P-256, kept in memory or as two files. */
export class CertificateAuthority {
  /** The authority's own certificate. */
  readonly certificate: x509.X509Certificate;
  readonly #keys: CryptoKeyPair;
  readonly #clock: Clock;
  readonly #issuersPem: string;

  private constructor(
    certificate: x509.X509Certificate,
    keys: CryptoKeyPair,
    clock: Clock,
    issuersPem: string,
  ) {
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
    const keys = await generateEcKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: nameOf(options.commonName),
      keys,
      signingAlgorithm: EC_P256,
      serialNumber: newSerialNumber(),
      ...validity(clock, CA_LIFETIME_DAYS),
      extensions: await caExtensions(keys.publicKey),
    });
    return new CertificateAuthority(certificate, keys, clock, '');
  }

  /** Makes an intermediate authority below this one. */
  async createIntermediate(commonName: string): Promise<CertificateAuthority> {
    const keys = await generateEcKeys();
    const certificate = await this.#sign(nameOf(commonName), keys.publicKey, {
      ...validity(this.#clock, CA_LIFETIME_DAYS),
      extensions: await caExtensions(keys.publicKey),
    });
    return new CertificateAuthority(certificate, keys, this.#clock, this.caChainPem);
  }

  /** Loads what {@link save} wrote. */
  static async load(directory: string, clock: Clock = systemClock): Promise<CertificateAuthority> {
    const [certificatePem, keyPem] = await Promise.all([
      readFile(join(directory, 'ca.pem'), 'utf8'),
      readFile(join(directory, 'ca-key.pem'), 'utf8'),
    ]);
    const [certificate, ...issuers] = x509.PemConverter.decode(certificatePem).map(
      (der) => new x509.X509Certificate(der),
    );
    const [keyDer] = x509.PemConverter.decode(keyPem);
    if (!certificate || !keyDer) throw new Error(`${directory} holds no certificate authority`);
    const privateKey = await webcrypto.subtle.importKey('pkcs8', keyDer, EC_P256, true, ['sign']);
    const publicKey = await certificate.publicKey.export();
    const issuersPem = issuers.map((issuer) => `${issuer.toString('pem')}\n`).join('');
    return new CertificateAuthority(certificate, { privateKey, publicKey }, clock, issuersPem);
  }

  /** Writes `ca.pem` and `ca-key.pem` (mode 0600) into a directory. */
  async save(directory: string): Promise<void> {
    await makePrivateDir(directory);
    await writeFileDurable(join(directory, 'ca-key.pem'), await privateKeyPem(this.#keys.privateKey));
    await writeFileDurable(join(directory, 'ca.pem'), this.caChainPem);
  }

  /** The authority's certificate alone, in PEM. */
  get caPem(): string {
    return `${this.certificate.toString('pem')}\n`;
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
    const keys = await generateEcKeys();
    const certificate = await this.issueFor(keys.publicKey, profile);
    const certificatePem = `${certificate.toString('pem')}\n`;
    return {
      certificatePem,
      privateKeyPem: await privateKeyPem(keys.privateKey),
      chainPem: certificatePem + this.caChainPem,
    };
  }

  /** A certificate after `profile` for a public key that is held elsewhere, for example in a TPM or a CSR. */
  issueFor(publicKey: CryptoKey, profile: CertificateProfile): Promise<x509.X509Certificate> {
    const lifetime = validity(this.#clock, LEAF_LIFETIME_DAYS);
    return this.#sign(nameOf(profile.commonName), publicKey, {
      notBefore: profile.notBefore ?? lifetime.notBefore,
      notAfter: profile.notAfter ?? lifetime.notAfter,
      extensions: leafExtensions(profile),
    });
  }

  /** A certificate like another, for the same key, that expired a day ago: clients must refuse it. In PEM. */
  async expiredTwin(certificatePem: string): Promise<string> {
    const model = new x509.X509Certificate(certificatePem);
    const ended = this.#clock.now() - DAY_MS;
    const twin = await this.#sign(model.subjectName, await model.publicKey.export(), {
      notBefore: new Date(ended - DAY_MS),
      notAfter: new Date(ended),
      extensions: model.extensions.filter(({ type }) => type !== AUTHORITY_KEY_IDENTIFIER),
    });
    return `${twin.toString('pem')}\n`;
  }

  /** A revocation list over the serial numbers given (hex), signed by this authority, in PEM. */
  async revocationList(revokedSerialNumbersHex: readonly string[]): Promise<string> {
    const now = new Date(this.#clock.now());
    const crl = await x509.X509CrlGenerator.create({
      issuer: this.certificate.subjectName,
      thisUpdate: new Date(now.getTime() - BACKDATE_MS),
      nextUpdate: new Date(now.getTime() + LEAF_LIFETIME_DAYS * DAY_MS),
      entries: revokedSerialNumbersHex.map((serialNumber) => ({ serialNumber, revocationDate: now })),
      signingAlgorithm: EC_P256,
      signingKey: this.#keys.privateKey,
    });
    return `${crl.toString('pem')}\n`;
  }

  async #sign(
    subject: x509.Name,
    publicKey: CryptoKey,
    rest: { readonly notBefore: Date; readonly notAfter: Date; readonly extensions: x509.Extension[] },
  ): Promise<x509.X509Certificate> {
    const issuerKey = await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey);
    return x509.X509CertificateGenerator.create({
      subject: subject.toJSON(),
      issuer: this.certificate.subjectName,
      publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: EC_P256,
      serialNumber: newSerialNumber(),
      notBefore: rest.notBefore,
      notAfter: rest.notAfter,
      extensions: [...rest.extensions, issuerKey],
    });
  }
}

/** A key with a certificate that it signed itself, as vCenter makes for KMIP (no extended key usage). */
export async function selfSigned(request: {
  readonly commonName: string;
  readonly clock?: Clock;
}): Promise<KeyAndCertificate> {
  const keys = await generateEcKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: nameOf(request.commonName),
    keys,
    signingAlgorithm: EC_P256,
    serialNumber: newSerialNumber(),
    ...validity(request.clock ?? systemClock, LEAF_LIFETIME_DAYS),
  });
  const certificatePem = `${certificate.toString('pem')}\n`;
  return {
    certificatePem,
    privateKeyPem: await privateKeyPem(keys.privateKey),
    chainPem: certificatePem,
  };
}

/** The extension that names the issuer's key (RFC 5280 §4.2.1.1). */
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';

/** The SAN entries of a server reached at `host`: an address for an IP, a name otherwise. */
export function alternativeNamesFor(
  hosts: readonly string[],
): Required<Omit<ServerCertificateRequest, 'commonName'>> {
  return {
    dnsNames: hosts.filter((host) => !isAddress(host)),
    ipAddresses: hosts.filter(isAddress),
  };
}

/** Whether a host is given by its address. `net.isIPv6` would compile a kilobyte of regular expression, at every start. */
export function isAddress(host: string): boolean {
  if (!host.includes(':')) return isIPv4(host);
  try {
    return new SocketAddress({ address: host, family: 'ipv6' }).family === 'ipv6';
  } catch {
    return false;
  }
}

/** Common names go in as values, never as text to be parsed: a comma in one must not start another attribute. */
function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}

function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes.toString('hex');
}

function validity(clock: Clock, days: number): { notBefore: Date; notAfter: Date } {
  const now = clock.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) };
}

async function generateEcKeys(): Promise<CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}

async function caExtensions(publicKey: CryptoKey): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

function leafExtensions(profile: CertificateProfile): x509.Extension[] {
  const extensions: x509.Extension[] = [...(profile.extensions ?? [])];
  if (profile.extendedKeyUsages?.length) {
    extensions.push(new x509.ExtendedKeyUsageExtension([...profile.extendedKeyUsages]));
  }
  if (profile.subjectAlternativeNames?.length) {
    extensions.push(new x509.SubjectAlternativeNameExtension([...profile.subjectAlternativeNames]));
  }
  return extensions;
}
