import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';

import { commonNameOf, parseCertificate, parsePemChain } from '../../core/pki/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { Credential } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { TicketBook } from './credentials.js';
import { CredentialCheck } from './credentials.js';

/** Who sent a request. */
export interface Client {
  /** Common name of the certificate, or the user name once a credential is given. */
  readonly name: string;
  /** Whose objects it sees. */
  readonly owner: string;
  /** Groups that operation policies may allow something. */
  readonly groups: readonly string[];
}

/** Whom a request speaks for. */
export interface Authenticated {
  readonly client: Client;
  /** For the response header, if a Hashed Password was given (KMIP 2.1 §8.5). */
  readonly serverHashedPassword: Buffer | undefined;
}

type ClientConfig = KmsConfig['clients'][number];

/** Owner of all clients that are given none, under the `shared` policy. */
const SHARED_OWNER = 'shared';

/** Tells who a client is, from its certificate and from the credentials of its requests. */
export class IdentityPolicy {
  readonly #config: KmsConfig;
  readonly #credentials: CredentialCheck;
  readonly #authorityKeys: readonly X509Certificate[];
  /** Their thumbprints. */
  readonly #authorities: ReadonlySet<string>;
  readonly #byThumbprint: ReadonlyMap<string, ClientConfig>;
  readonly #byCommonName: ReadonlyMap<string, ClientConfig>;

  /**
   * @param tickets what Login handed out, if there is such a thing
   * @throws KpsimError `certificate_invalid` if the configuration holds a certificate that cannot be parsed
   */
  constructor(config: KmsConfig, tickets?: TicketBook) {
    this.#config = config;
    this.#credentials = new CredentialCheck(config, tickets);
    this.#authorityKeys = config.trustedCaPem === undefined ? [] : parsePemChain(config.trustedCaPem);
    this.#authorities = new Set(this.#authorityKeys.map((certificate) => certificate.fingerprint256));
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
   * Who is at the other end of a connection. A pinned certificate is accepted as it is, for its validity period; any
   * other must chain to the trusted CA and, unless that is switched off, be meant for TLS clients.
   *
   * @param nowMs since 1970, for the validity of pinned certificates
   * @returns the client, or what is wrong with its certificate and what to do about it
   */
  identify(socket: TLSSocket, nowMs: number): Client | string {
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) return 'the client sent no certificate';
    const pinned = this.#byThumbprint.get(certificate.fingerprint256);
    if (pinned) {
      if (!isValidAt(certificate, nowMs))
        return 'the pinned client certificate is outside its validity period';
      if (pinned.requireClientAuthUsage === true && !isForClients(certificate))
        return wrongUsage(certificate);
      return this.#clientOf(certificate, pinned);
    }
    const listed = this.#byCommonName.get(commonNameOf(certificate) ?? '');
    const problem = this.#chainProblem(socket, certificate, listed, nowMs);
    if (problem !== undefined) return problem;
    if (!listed && this.#config.listedClientsOnly) return 'the client is not among those configured';
    return this.#clientOf(certificate, listed);
  }

  /**
   * The client that a request speaks for: the connection's, or the one that its credentials name.
   *
   * @throws KmipError `AuthenticationNotSuccessful` or `InvalidTicket`
   */
  authenticate(connected: Client, credentials: readonly Credential[], needed: boolean): Authenticated {
    let authenticated: Authenticated = { client: connected, serverHashedPassword: undefined };
    let proven = false;
    for (const credential of credentials) {
      const proof = this.#credentials.prove(credential, authenticated.client);
      if (!proof) continue;
      authenticated = { serverHashedPassword: authenticated.serverHashedPassword, ...proof };
      proven = true;
    }
    if (needed && this.#config.credentialRequired && !proven) {
      throw new KmipError(
        'AuthenticationNotSuccessful',
        'This server needs a user name and password in the request header. Configure them for this key provider.',
      );
    }
    return authenticated;
  }

  /** What is wrong with a certificate that is not pinned; undefined if nothing is. */
  #chainProblem(
    socket: TLSSocket,
    certificate: X509Certificate,
    listed: ClientConfig | undefined,
    nowMs: number,
  ): string | undefined {
    const usageNeeded = listed?.requireClientAuthUsage ?? this.#config.requireClientAuthUsage;
    if (socket.authorized) {
      // A pinned certificate is in the trust store too, but must not vouch for others.
      if (!this.#authorities.has(rootThumbprint(socket))) {
        return 'the client certificate was not issued by the trusted CA';
      }
      return usageNeeded && !isForClients(certificate) ? wrongUsage(certificate) : undefined;
    }
    if (authorizationProblem(socket) !== 'INVALID_PURPOSE') {
      return `the client certificate is not trusted (${authorizationProblem(socket)})`;
    }
    // OpenSSL stops at the usage, so that where it does not count the chain has to be followed here.
    if (usageNeeded) return wrongUsage(certificate);
    if (isIssuedBy(socket.getPeerCertificate(true), this.#authorityKeys, nowMs)) return undefined;
    return 'the client certificate was not issued by the trusted CA, or is outside its validity period';
  }

  #clientOf(certificate: X509Certificate, known: ClientConfig | undefined): Client {
    const name = commonNameOf(certificate) ?? certificate.fingerprint256;
    const ownName =
      this.#config.ownerPolicy === 'shared' ? SHARED_OWNER : `client ${certificate.fingerprint256}`;
    return { name, owner: known?.owner ?? ownName, groups: known?.groups ?? [] };
  }
}

/** The extended key usage of TLS clients (RFC 5280 §4.2.1.12). */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Whether a certificate names an extended key usage of clients, or none at all. */
function isForClients(certificate: X509Certificate): boolean {
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return usages === undefined || usages.includes(CLIENT_AUTH);
}

function wrongUsage(certificate: X509Certificate): string {
  const usages = certificate.keyUsage as readonly string[] | undefined;
  const found = usages ? `its extended key usages are ${usages.join(', ')}` : 'its key usage is another';
  return `the client certificate is not meant for TLS clients (${found}): issue it with clientAuth, or set requireClientAuthUsage to false for this client or for the server`;
}

/** Issuers followed from a client's certificate to an authority. */
const CHAIN_LIMIT = 8;

/** Whether signatures and validity hold from a certificate up to one of the authorities. */
function isIssuedBy(
  leaf: DetailedPeerCertificate,
  authorities: readonly X509Certificate[],
  nowMs: number,
): boolean {
  let certificate = new X509Certificate(leaf.raw);
  let next = leaf.issuerCertificate as DetailedPeerCertificate | undefined;
  for (let steps = 0; steps < CHAIN_LIMIT; steps += 1) {
    if (!isValidAt(certificate, nowMs)) return false;
    if (authorities.some((authority) => vouches(authority, certificate, nowMs))) return true;
    if (!next) return false;
    const issuer = new X509Certificate(next.raw);
    if (!vouches(issuer, certificate, nowMs)) return false;
    certificate = issuer;
    next = next.issuerCertificate;
  }
  return false;
}

function vouches(issuer: X509Certificate, certificate: X509Certificate, nowMs: number): boolean {
  return (
    issuer.ca &&
    isValidAt(issuer, nowMs) &&
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey)
  );
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
