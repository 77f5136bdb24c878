import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

import { commonNameOf, parseCertificate, parsePemChain } from '../../core/pki/index.js';
import { equalSecrets } from '../../core/secret.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { Credential, UsernameAndPassword } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';

/** Who sent a request. */
export interface Client {
  /** Common name of the certificate, or the user name once a credential is given. */
  readonly name: string;
  /** Whose objects it sees. */
  readonly owner: string;
}

/** Owner of all clients that are given none, under the `shared` policy. */
const SHARED_OWNER = 'shared';

/** Tells who a client is, from its certificate and from the credentials of its requests. */
export class IdentityPolicy {
  readonly #config: KmsConfig;
  readonly #authorities: ReadonlySet<string>;
  readonly #byThumbprint: ReadonlyMap<string, KmsConfig['clients'][number]>;
  readonly #byCommonName: ReadonlyMap<string, KmsConfig['clients'][number]>;

  /** @throws KpsimError `certificate_invalid` if the configuration holds a certificate that cannot be parsed */
  constructor(config: KmsConfig) {
    this.#config = config;
    const authorities = config.trustedCaPem === undefined ? [] : parsePemChain(config.trustedCaPem);
    this.#authorities = new Set(authorities.map((certificate) => certificate.fingerprint256));
    this.#byThumbprint = new Map(
      config.clients.flatMap((client) => {
        const pin = client.certificatePem
          ? parseCertificate(client.certificatePem).fingerprint256
          : client.thumbprint;
        return pin === undefined ? [] : [[pin.toUpperCase(), client] as const];
      }),
    );
    this.#byCommonName = new Map(
      config.clients.flatMap((client) =>
        client.commonName === undefined ||
        client.thumbprint !== undefined ||
        client.certificatePem !== undefined
          ? []
          : [[client.commonName, client] as const],
      ),
    );
  }

  /** Certificates that the handshake names as acceptable issuers: the CA and the pinned certificates. */
  acceptableIssuersPem(): string[] {
    const pinned = this.#config.clients.flatMap((client) => client.certificatePem ?? []);
    return this.#config.trustedCaPem === undefined ? pinned : [this.#config.trustedCaPem, ...pinned];
  }

  /**
   * Who is at the other end of a connection. A pinned certificate is accepted as it is, whatever its extended key
   * usage says, for its validity period; any other must chain to the trusted CA.
   *
   * @param nowMs since 1970, for the validity of pinned certificates
   * @returns the client, or what is wrong with its certificate
   */
  identify(socket: TLSSocket, nowMs: number): Client | string {
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) return 'the client sent no certificate';
    const pinned = this.#byThumbprint.get(certificate.fingerprint256);
    if (pinned) {
      if (!isValidAt(certificate, nowMs))
        return 'the pinned client certificate is outside its validity period';
      return this.#clientOf(certificate, pinned.owner);
    }
    if (!socket.authorized) return `the client certificate is not trusted (${authorizationProblem(socket)})`;
    // A pinned certificate is in the trust store too, but must not vouch for others.
    if (!this.#authorities.has(rootThumbprint(socket))) {
      return 'the client certificate was not issued by the trusted CA';
    }
    const listed = this.#byCommonName.get(commonNameOf(certificate) ?? '');
    if (!listed && this.#config.listedClientsOnly) return 'the client is not among those configured';
    return this.#clientOf(certificate, listed?.owner);
  }

  /**
   * The client that a request speaks for: the connection's, or the one its user name and password belong to.
   *
   * @throws KmipError `AuthenticationNotSuccessful`
   */
  authenticate(connected: Client, credentials: readonly Credential[], needed: boolean): Client {
    let client = connected;
    let proven = false;
    for (const credential of credentials) {
      if (credential.type !== 'UsernameAndPassword') continue;
      client = this.#checkPassword(client, credential.value as UsernameAndPassword);
      proven = true;
    }
    if (needed && this.#config.credentialRequired && !proven) {
      throw new KmipError(
        'AuthenticationNotSuccessful',
        'This server needs a user name and password in the request header. Configure them for this key provider.',
      );
    }
    return client;
  }

  #checkPassword(connected: Client, { username, password }: UsernameAndPassword): Client {
    const known = this.#config.credentials.find((credential) => credential.username === username);
    const right = equalSecrets(password ?? '', known?.password ?? '');
    if (!known || !right) {
      throw new KmipError('AuthenticationNotSuccessful', 'The user name or password is wrong.');
    }
    return { name: username, owner: known.owner ?? connected.owner };
  }

  #clientOf(certificate: X509Certificate, owner: string | undefined): Client {
    const name = commonNameOf(certificate) ?? certificate.fingerprint256;
    if (owner !== undefined) return { name, owner };
    return {
      name,
      owner: this.#config.ownerPolicy === 'shared' ? SHARED_OWNER : `client ${certificate.fingerprint256}`,
    };
  }
}

function isValidAt(certificate: X509Certificate, nowMs: number): boolean {
  return Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
}

/** Node types this as an Error; at run time it is the text of OpenSSL's verdict. */
function authorizationProblem(socket: TLSSocket): string {
  const problem: unknown = socket.authorizationError;
  return problem instanceof Error ? problem.message : String(problem);
}

/** Thumbprint of the last certificate of the verified chain. */
function rootThumbprint(socket: TLSSocket): string {
  let certificate = socket.getPeerCertificate(true);
  const seen = new Set<string>();
  while (!seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    const issuer = certificate.issuerCertificate as PeerCertificate | undefined;
    if (!issuer) break;
    certificate = issuer as typeof certificate;
  }
  return certificate.fingerprint256;
}
