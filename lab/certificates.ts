import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';

import type { Clock } from '../core/clock.js';
import { systemClock } from '../core/clock.js';
import { makePrivateDir, writeFileDurable } from '../core/data-dir.js';
import { KpsimError, errorText } from '../core/errors.js';
import type { KeyAndCertificate } from '../core/pki/index.js';
import { CertificateAuthority, alternativeNamesFor, isAddress, parsePemChain } from '../core/pki/index.js';

const DAY_MS = 86_400_000;
/** Listening on one of these means listening on every address of the machine. */
const WILDCARDS = new Set(['0.0.0.0', '::']);
/** A common name is the name of the directory that its files are in, `pki/issued/<name>/`. */
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/;

/** A key and its certificate, and the files that hold them. */
export interface IdentityFiles extends KeyAndCertificate {
  /** The authority's certificate. */
  readonly caPath: string;
  readonly certificatePath: string;
  /** Mode 0600. */
  readonly privateKeyPath: string;
}

/** The certificate authority of a data directory, `pki/`, and everything it has signed. */
export class CertificateStore {
  readonly authority: CertificateAuthority;
  readonly #directory: string;
  readonly #clock: Clock;
  /** The last request for each name. */
  readonly #turns = new Map<string, Promise<unknown>>();

  private constructor(authority: CertificateAuthority, directory: string, clock: Clock) {
    this.authority = authority;
    this.#directory = directory;
    this.#clock = clock;
  }

  /**
   * Opens the authority of a data directory, making it if there is none.
   *
   * @throws KpsimError `certificate_store_invalid` if its files cannot be used, `certificate_store_forbidden` if they
   *   belong to another user
   */
  static async open(
    dataDir: string,
    options: { readonly commonName?: string; readonly clock?: Clock } = {},
  ): Promise<CertificateStore> {
    const clock = options.clock ?? systemClock;
    const directory = await makePrivateDir(join(dataDir, 'pki'));
    const found = await CertificateStore.#load(directory, clock);
    if (found) return new CertificateStore(found, directory, clock);
    const commonName = options.commonName ?? 'kpsim CA';
    const authority = await CertificateAuthority.create({ commonName, clock });
    await authority.save(directory);
    return new CertificateStore(authority, directory, clock);
  }

  /** Opens the authority of a data directory. @throws KpsimError `certificate_store_missing` if there is none */
  static async existing(dataDir: string, clock: Clock = systemClock): Promise<CertificateStore> {
    const directory = join(dataDir, 'pki');
    const found = await CertificateStore.#load(directory, clock);
    if (found) return new CertificateStore(found, directory, clock);
    throw new KpsimError(
      'certificate_store_missing',
      `There is no certificate authority in ${directory}. Give the data directory of a kpsim service or lab (--data DIR); it is made when the service first starts.`,
    );
  }

  static async #load(directory: string, clock: Clock): Promise<CertificateAuthority | undefined> {
    try {
      return await CertificateAuthority.load(directory, clock);
    } catch (error) {
      if (isMissing(error)) return undefined;
      if (isForbidden(error)) {
        throw new KpsimError(
          'certificate_store_forbidden',
          `This user may not read the certificate authority in ${directory} (${errorText(error)}). Ask as the user that it belongs to, or give a data directory of your own.`,
          { cause: error },
        );
      }
      throw new KpsimError(
        'certificate_store_invalid',
        `The certificate authority in ${directory} cannot be used (${errorText(error)}). Restore ca.pem and ca-key.pem, or remove both to have a new one made.`,
        { cause: error },
      );
    }
  }

  /** PEM of the authority. */
  get caPem(): string {
    return this.authority.caPem;
  }

  /** File with the authority's certificate. */
  get caPath(): string {
    return join(this.#directory, 'ca.pem');
  }

  /** The identity of a service, valid for the names and addresses under which it can be reached at `host`. */
  server(name: string, host = '127.0.0.1'): Promise<IdentityFiles> {
    const hosts = [...new Set([name, ...reachableAs(host)])];
    const covers = (certificate: X509Certificate): boolean =>
      hosts.every((one) =>
        isAddress(one) ? certificate.checkIP(one) !== undefined : certificate.checkHost(one) !== undefined,
      );
    return this.#identity(
      name,
      () => this.authority.issueServer({ commonName: name, ...alternativeNamesFor(hosts) }),
      covers,
    );
  }

  /** The identity of a client with that common name. */
  client(name: string): Promise<IdentityFiles> {
    return this.#identity(name, () => this.authority.issueClient({ commonName: name }));
  }

  /** One request for a name after the other, so that nobody reads the key of one and the certificate of another. */
  #identity(
    name: string,
    issue: () => Promise<KeyAndCertificate>,
    covers: (certificate: X509Certificate) => boolean = () => true,
  ): Promise<IdentityFiles> {
    const turn = (this.#turns.get(name) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#foundOrIssued(name, issue, covers));
    this.#turns.set(name, turn);
    return turn;
  }

  /** What was issued before, if it is still good; something new otherwise. */
  async #foundOrIssued(
    name: string,
    issue: () => Promise<KeyAndCertificate>,
    covers: (certificate: X509Certificate) => boolean,
  ): Promise<IdentityFiles> {
    if (!FILE_NAME.test(name)) {
      throw new KpsimError(
        'name_invalid',
        `${JSON.stringify(name.slice(0, 120))} cannot be the name of a certificate here: use up to 100 letters, digits and . _ @ - and begin with a letter or digit.`,
      );
    }
    const directory = join(this.#directory, 'issued', name);
    const paths = {
      caPath: this.caPath,
      certificatePath: join(directory, 'certificate.pem'),
      privateKeyPath: join(directory, 'key.pem'),
    };
    const found = await this.#stored(paths, covers);
    if (found) return { ...paths, ...found };
    const issued = await issue();
    await makePrivateDir(directory);
    await writeFileDurable(paths.privateKeyPath, issued.privateKeyPem);
    await writeFileDurable(paths.certificatePath, issued.chainPem);
    return { ...paths, ...issued };
  }

  async #stored(
    paths: { readonly certificatePath: string; readonly privateKeyPath: string },
    covers: (certificate: X509Certificate) => boolean,
  ): Promise<KeyAndCertificate | undefined> {
    try {
      const [chainPem, privateKeyPem] = await Promise.all([
        readFile(paths.certificatePath, 'utf8'),
        readFile(paths.privateKeyPath, 'utf8'),
      ]);
      const [certificate] = parsePemChain(chainPem);
      if (!certificate || !this.#isGood(certificate) || !covers(certificate)) return undefined;
      return { certificatePem: certificate.toString(), privateKeyPem, chainPem };
    } catch {
      return undefined; // missing or damaged: another is issued
    }
  }

  #isGood(certificate: X509Certificate): boolean {
    const now = this.#clock.now();
    return (
      certificate.checkIssued(new X509Certificate(this.caPem)) &&
      Date.parse(certificate.validFrom) <= now &&
      Date.parse(certificate.validTo) > now + DAY_MS
    );
  }
}

/** Names and addresses under which a listener on `host` can be reached. */
function reachableAs(host: string): readonly string[] {
  const loopback = ['localhost', '127.0.0.1', '::1'];
  if (!WILDCARDS.has(host)) return [...loopback, host];
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address.split('%', 1)[0] ?? address);
  return [...loopback, host, hostname(), ...addresses];
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function isForbidden(error: unknown): boolean {
  return codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
