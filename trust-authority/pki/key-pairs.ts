import type { KeyObject } from 'node:crypto';
import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

import type { Clock } from '../../core/clock.js';
import { VapiError } from '../../core/http/index.js';
import { certificateX5tS256, isPrivateKeyOf, parsePemChain } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import { zeroise } from '../../core/secret.js';
import { KeyedTurns } from '../../core/keyed-turns.js';
import { DocumentTable } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const SELF_SIGNED_DAYS = 3650;

/** What is kept in the clear of a key pair. */
interface KeyPairDocument {
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  readonly pendingCsrPem?: string | undefined;
}

/** A private key and its certificate, ready for use. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly privateKeyPem: string;
  /** PEM, leaf first. */
  readonly certificateChainPem: string;
  /** `x5t#S256` of the leaf. */
  readonly certificateSha256: string;
}

/**
 * Key pairs whose certificate can be replaced: by a certificate signing request whose private key never leaves the
 * service, or by a key that comes with its certificate.
 */
export class KeyPairs {
  readonly #store: TrustAuthorityStore;
  readonly #documents: DocumentTable<KeyPairDocument>;
  readonly #clock: Clock;
  readonly #loaded = new Map<string, KeyPair>();
  /** By id: a key and its certificate are written together. */
  readonly #turns = new KeyedTurns();

  constructor(store: TrustAuthorityStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#documents = new DocumentTable(store, 'key-pair', 'key pair', 10_000);
  }

  /** The key pair of that id; undefined if there is none. */
  find(id: string): KeyPair | undefined {
    const loaded = this.#loaded.get(id);
    if (loaded) return loaded;
    const document = this.#documents.find(id);
    const pem = this.#store.secret('private-key', id);
    if (document === undefined || pem === undefined) return undefined;
    const pair = keyPairOf(pem.toString('utf8'), document.certificateChainPem);
    zeroise(pem);
    this.#loaded.set(id, pair);
    return pair;
  }

  /** The key pair of that id, made with a certificate that it signs itself if there is none. */
  async findOrCreate(id: string, commonName: string): Promise<KeyPair> {
    return this.find(id) ?? (await this.createSelfSigned(id, commonName));
  }

  /** Makes a new key with a certificate that it signs itself. */
  async createSelfSigned(id: string, commonName: string): Promise<KeyPair> {
    const privateKeyPem = await newPrivateKeyPem();
    const certificate = await selfSignedCertificate(privateKeyPem, commonName, this.#clock.now());
    return this.#turns.take(id, () => this.#install(id, privateKeyPem, certificate));
  }

  /** Makes a new key and the certificate signing request for it (PEM); the key in use stays until its certificate comes. */
  async createCsr(id: string, commonName: string): Promise<string> {
    const privateKeyPem = await newPrivateKeyPem();
    const keys = await cryptoKeysOf(privateKeyPem);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: nameOf(commonName),
      keys,
      signingAlgorithm: EC_P256,
    });
    const csr = `${request.toString('pem')}\n`;
    await this.#turns.take(id, async () => {
      const certificateChainPem = this.#documents.find(id)?.certificateChainPem ?? '';
      const pending = { kind: 'pending-private-key', id, plain: Buffer.from(privateKeyPem, 'utf8') } as const;
      await this.#documents.put(id, { certificateChainPem, pendingCsrPem: csr }, [pending]);
    });
    return csr;
  }

  /** The pending request, in PEM. @throws VapiError `NOT_FOUND` */
  csr(id: string): string {
    const csr = this.#documents.find(id)?.pendingCsrPem;
    if (csr === undefined) {
      throw new VapiError(
        'NOT_FOUND',
        'There is no pending certificate signing request; make one with POST.',
      );
    }
    return csr;
  }

  /**
   * Takes a certificate into use.
   *
   * @param chainPem leaf first
   * @param privateKeyPem the leaf's key; without it the certificate must be for the pending request
   * @throws VapiError `INVALID_ARGUMENT` if certificate and key do not belong together, or it is not valid now
   */
  replaceCertificate(id: string, chainPem: string, privateKeyPem?: string): Promise<KeyPair> {
    return this.#turns.take(id, () => this.#replaceCertificate(id, chainPem, privateKeyPem));
  }

  async #replaceCertificate(id: string, chainPem: string, privateKeyPem?: string): Promise<KeyPair> {
    const pending = this.#store.secret('pending-private-key', id);
    const keyPem = privateKeyPem ?? pending?.toString('utf8');
    zeroise(pending);
    if (keyPem === undefined) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'There is no pending certificate signing request. Make one with POST …/csr, have it signed, then send the certificate.',
      );
    }
    return this.#install(id, keyPem, this.#checked(keyPem, chainPem, privateKeyPem === undefined));
  }

  /** What follows a prefix in the ids of all key pairs that begin with it. */
  idsOf(prefix: string): string[] {
    const ids = this.#documents.entries().map(([id]) => id);
    return ids.filter((id) => id.startsWith(prefix)).map((id) => id.slice(prefix.length));
  }

  /** Removes a key pair and whatever is pending. */
  remove(id: string): Promise<void> {
    return this.#turns.take(id, async () => {
      this.#loaded.delete(id);
      if (!this.#documents.find(id)) return;
      const gone = (['private-key', 'pending-private-key'] as const).map((kind) => ({
        kind,
        id,
        plain: undefined,
      }));
      await this.#documents.delete(id, gone);
    });
  }

  #checked(keyPem: string, chainPem: string, fromCsr: boolean): string {
    const [leaf] = parsePemChain(chainPem);
    const now = this.#clock.now();
    if (leaf === undefined || !isPrivateKeyOf(keyPem, leaf)) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        fromCsr
          ? 'The certificate is not for the pending certificate signing request. Have that request signed, and send what comes back.'
          : 'The certificate is not for this private key.',
      );
    }
    if (now < Date.parse(leaf.validFrom) || now > Date.parse(leaf.validTo)) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        'The certificate is not valid now; check its dates and the clock.',
      );
    }
    return chainPem;
  }

  async #install(id: string, privateKeyPem: string, certificateChainPem: string): Promise<KeyPair> {
    const pair = keyPairOf(privateKeyPem, certificateChainPem);
    // All at once: a key and the certificate of another one would be refused everywhere after a crash.
    await this.#documents.put(id, { certificateChainPem }, [
      { kind: 'private-key', id, plain: Buffer.from(privateKeyPem, 'utf8') },
      { kind: 'pending-private-key', id, plain: undefined },
    ]);
    this.#loaded.set(id, pair);
    return pair;
  }
}

function keyPairOf(privateKeyPem: string, certificateChainPem: string): KeyPair {
  const [leaf] = parsePemChain(certificateChainPem);
  if (leaf === undefined) throw new Error('a key pair has no certificate');
  return {
    privateKey: createPrivateKey(privateKeyPem),
    privateKeyPem,
    certificateChainPem,
    certificateSha256: certificateX5tS256(leaf),
  };
}

async function newPrivateKeyPem(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function cryptoKeysOf(privateKeyPem: string): Promise<CryptoKeyPair> {
  const privateDer = createPrivateKey(privateKeyPem).export({ type: 'pkcs8', format: 'der' });
  const publicDer = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'der' });
  const { subtle } = x509.cryptoProvider.get();
  return {
    privateKey: await subtle.importKey('pkcs8', Uint8Array.from(privateDer), EC_P256, true, ['sign']),
    publicKey: await subtle.importKey('spki', Uint8Array.from(publicDer), EC_P256, true, ['verify']),
  };
}

async function selfSignedCertificate(
  privateKeyPem: string,
  commonName: string,
  nowMs: number,
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: nameOf(commonName),
    keys: await cryptoKeysOf(privateKeyPem),
    signingAlgorithm: EC_P256,
    notBefore: new Date(nowMs - DAY_MS),
    notAfter: new Date(nowMs + SELF_SIGNED_DAYS * DAY_MS),
  });
  return `${certificate.toString('pem')}\n`;
}

/** The common name goes in as a value, never as text to be parsed. */
function nameOf(commonName: string): x509.Name {
  return new x509.Name([{ CN: [{ utf8String: commonName }] }]);
}
